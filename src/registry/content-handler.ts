import { BufferPool } from '../http/buffer-pool.ts'
import { unmapped } from '../http/client-address.ts'
import type { Exchange } from '../http/exchange.ts'
import { Slots } from '../http/slots.ts'
import { MirrorMissError, MirrorRangeError } from '../mirror/errors.ts'
import type { ContentPath, Mirror } from '../mirror/mirror.ts'
import type { Log } from '../observability/log.ts'
import type { Metrics, MissReason } from '../observability/metrics.ts'
import type { Digest } from '../oci/digest.ts'
import { DistributionError } from '../oci/distribution-error.ts'
import { formatReference } from '../oci/reference.ts'
import type { ReferenceFilter } from '../oci/registry-filter.ts'
import { ContentNotFoundError } from '../store/errors.ts'
import type { Store } from '../store/store.ts'
import type { Withheld } from '../store/withheld-content.ts'
import type { ContentVerification } from './content-verification.ts'
import { CorruptContentError } from './errors.ts'
import { ExcludedPulls } from './excluded-pulls.ts'
import { rangeNotSatisfiable } from './range-error.ts'
import { blobServer } from './serve-blob.ts'
import { describeCommitted, findShared, type InProgressContent, sendGrowing } from './serve-in-progress.ts'
import { manifestServer } from './serve-manifest.ts'
import { SmallContent } from './small-content.ts'
import type { Serve } from './stored-content.ts'
import type { TagPolicy } from './tag-policy.ts'
import { UploadPace, type UploadPaceLimits } from './upload-pace.ts'

/** Seconds after which a peer that found no free slot may ask again. */
const RETRY_AFTER_SECONDS = 1
/** How an IPv4 address looks to a listener of both kinds. */

export interface ContentComponents {
  readonly store: Store
  /** Default: nothing is withheld. */
  readonly withheld?: Withheld
  /** Knows what the store holds and must not be served. */
  readonly verification: ContentVerification
  readonly mirror: Mirror
  readonly filter: ReferenceFilter
  readonly metrics: Metrics
  readonly log: Log
  /** Default: tags are always answered here. Peers that ask have decided already. */
  readonly tagPolicy?: TagPolicy
  /** Content that is still being fetched, for peers that follow this node. Default: none is given away. */
  readonly inProgress?: InProgressContent
  /** Buffers that blobs are sent through. Default: a pool of its own. */
  readonly buffers?: BufferPool
}

export interface ContentOptions {
  /** Whether tags are served at all (`--resolve-tags`). */
  readonly resolveTags: boolean
  /** Bodies of blobs sent to peers at once; beyond it 503 (`--max-uploads`). */
  readonly maxUploads: number
  /** What a peer must take of a blob to go on being sent it. Default: that of {@link UploadPace}. */
  readonly uploadPace?: UploadPaceLimits
}

/** Answers requests for content: from the store, else, for local clients, from peers, else with a miss. */
export class ContentHandler {
  readonly #components: ContentComponents
  readonly #options: ContentOptions
  readonly #uploads: Slots
  readonly #buffers: BufferPool
  readonly #excludedPulls = new ExcludedPulls({ now: () => performance.now() })
  readonly #serve: Readonly<Record<ContentPath['kind'], Serve>>

  constructor(components: ContentComponents, options: ContentOptions) {
    this.#components = components
    this.#options = options
    this.#uploads = new Slots({ limit: options.maxUploads })
    const { buffers = new BufferPool(), verification } = components
    this.#buffers = buffers
    const serving = { buffers, verification, small: new SmallContent({ verification }) }
    this.#serve = { blob: blobServer(serving), manifest: manifestServer(serving) }
  }

  /** @throws {DistributionError} for every answer that is not the content */
  async answer(exchange: Exchange, path: ContentPath): Promise<void> {
    const { request, response } = exchange
    const fromPeer = request.headers['x-spegel-mirrored'] === 'true'
    exchange.handler = path.kind
    const { activity, traffic } = this.#components.metrics
    await activity.follow(
      {
        name: formatReference(path.reference),
        kind: path.kind,
        method: request.method ?? '',
        from: fromPeer ? 'peer' : 'local',
        client: unmapped(request.socket.remoteAddress ?? ''),
        size: () => sizeOf(response),
      },
      () => this.#answer(exchange, path, fromPeer),
    )
    if (!fromPeer) traffic.hit()
  }

  async #answer(exchange: Exchange, path: ContentPath, fromPeer: boolean): Promise<void> {
    const refusal = this.#excluded(path) ?? (fromPeer ? undefined : await this.#refusedTag(exchange, path))
    if (refusal === 'filtered' && !fromPeer) this.#excludedPulls.add(path.reference)
    if (refusal !== undefined) throw this.#miss(path, { reason: refusal, fromPeer })
    try {
      await this.#answerFromStore(exchange, path, fromPeer)
      return
    } catch (error) {
      if (!isNotHeld(error)) throw error
    }
    if (fromPeer) await this.#answerInProgress(exchange, path)
    else await this.#answerFromPeers(exchange, path)
  }

  async #answerFromPeers(exchange: Exchange, path: ContentPath): Promise<void> {
    const { inProgress, mirror } = this.#components
    exchange.handler = 'mirror'
    const { reference } = path
    const isFetched = reference.kind === 'digest' && exchange.request.method === 'GET'
    const isShared = isFetched && !this.#excludedPulls.has(reference)
    using _asked = isShared ? inProgress?.asked.begin(reference.digest) : undefined
    try {
      await mirror.answer(exchange, path)
    } catch (error) {
      if (error instanceof MirrorRangeError) throw rangeNotSatisfiable(error.total)
      if (!(error instanceof MirrorMissError)) throw error
      throw this.#miss(path, { reason: error.reason, fromPeer: false, cause: error })
    }
  }

  /** Answers a peer that follows this node with what is still being fetched, any other with a miss. */
  async #answerInProgress(exchange: Exchange, path: ContentPath): Promise<void> {
    const { inProgress, metrics } = this.#components
    const { method, headers } = exchange.request
    const { kind, reference } = path
    const follows = headers['x-spegel-in-progress'] === 'true' && method === 'GET'
    if (inProgress === undefined || !follows || reference.kind !== 'digest') {
      throw this.#miss(path, { reason: 'not_found', fromPeer: true })
    }
    const { digest, registry } = reference
    try {
      const tryStore = (): Promise<boolean> => this.#answeredFromStore(exchange, path)
      const growing = await findShared(inProgress, { digest, signal: exchange.signal, tryStore })
      if (growing === undefined) return
      try {
        using _slot = this.#takeUpload()
        const onBytes = (bytes: number): void => metrics.traffic.uploaded(bytes)
        if (kind === 'blob') {
          await sendGrowing(exchange, growing, { digest, registry, buffers: this.#buffers, onBytes })
        } else {
          const descriptor = await describeCommitted(growing, digest, exchange)
          const store = { open: async () => growing }
          await this.#serve.manifest(exchange, { store, descriptor, registry, source: undefined, onBytes })
        }
      } finally {
        await growing.close()
      }
    } catch (error) {
      if (!isNotHeld(error)) throw error
      throw this.#miss(path, { reason: 'not_found', fromPeer: true, cause: error })
    }
  }

  /** Answers a peer from the store; false where that has not the content. */
  async #answeredFromStore(exchange: Exchange, path: ContentPath): Promise<boolean> {
    try {
      await this.#answerFromStore(exchange, path, true)
      return true
    } catch (error) {
      if (!isNotHeld(error)) throw error
      return false
    }
  }

  #excluded({ reference }: ContentPath): MissReason | undefined {
    const exclusion = this.#components.filter.exclusion(reference)
    if (exclusion !== undefined) return exclusion
    return reference.kind === 'tag' && !this.#options.resolveTags ? 'tags_disabled' : undefined
  }

  async #refusedTag({ signal }: Exchange, { reference }: ContentPath): Promise<MissReason | undefined> {
    const { tagPolicy, metrics } = this.#components
    if (reference.kind !== 'tag' || tagPolicy === undefined) return undefined
    const refusal = await tagPolicy.refusal(reference, { signal })
    if (refusal === 'not_found' || refusal === 'not_ready') {
      // Peers were asked, so it counts as if the mirror had asked them.
      metrics.mirrorRequests.inc({ registry: metrics.registries.label(reference.registry), cache: 'miss' })
    }
    return refusal
  }

  async #answerFromStore(exchange: Exchange, { kind, reference }: ContentPath, fromPeer: boolean): Promise<void> {
    const { store, metrics } = this.#components
    const { signal } = exchange
    if (reference.kind === 'digest' && this.#isWithheld(reference.digest)) {
      throw new ContentNotFoundError(reference.digest)
    }
    // Before the store is asked: a node that can send no more can least afford to look.
    const isUpload = fromPeer && kind === 'blob' && exchange.request.method === 'GET'
    using _slot = isUpload ? this.#takeUpload() : undefined
    using pace = isUpload ? new UploadPace(exchange.response, this.#options.uploadPace) : undefined
    const digest = reference.kind === 'tag' ? await store.resolve(reference, { signal }) : reference.digest
    const descriptor = await store.describe(digest, { signal })
    await this.#serve[kind](exchange, {
      store,
      descriptor,
      registry: reference.registry,
      source: fromPeer ? undefined : 'store',
      onBytes: bytes => {
        pace?.add(bytes)
        if (fromPeer) metrics.traffic.uploaded(bytes)
        else metrics.traffic.served('store', bytes)
      },
    })
  }

  /**
   * Whether `digest` may not be given away. What a local client was let have is not, though it has just been committed and
   * no image is known yet that uses it: those who follow this node are waiting for it.
   */
  #isWithheld(digest: Digest): boolean {
    const { withheld, inProgress } = this.#components
    return withheld?.has(digest) === true && inProgress?.asked.has(digest) !== true
  }

  /** @throws {DistributionError} 503 where no slot is free */
  #takeUpload(): Disposable {
    const slot = this.#uploads.take()
    if (slot !== undefined) return slot
    throw new DistributionError('TOOMANYREQUESTS', `this node sends to ${this.#options.maxUploads} peers already`, {
      headers: { 'retry-after': String(RETRY_AFTER_SECONDS) },
    })
  }

  /** A miss, counted where it is a local client's: peers ask for what has just been removed as a matter of course. */
  #miss(path: ContentPath, miss: { reason: MissReason; fromPeer: boolean; cause?: unknown }): DistributionError {
    const { metrics, log } = this.#components
    const name = formatReference(path.reference)
    if (!miss.fromPeer) metrics.traffic.missed(miss.reason)
    log.debug('miss', { subject: name, reason: miss.reason, fromPeer: miss.fromPeer })
    const code = path.kind === 'blob' ? 'BLOB_UNKNOWN' : 'MANIFEST_UNKNOWN'
    return new DistributionError(code, `${name} is not to be had from this mirror`, {
      detail: { reason: miss.reason },
      cause: miss.cause,
    })
  }
}

/** Bytes that the head of `response` promises. */
function sizeOf(response: Exchange['response']): number | undefined {
  const length = response.getHeader('content-length')
  return length === undefined ? undefined : Number(length)
}

function isNotHeld(error: unknown): boolean {
  return error instanceof ContentNotFoundError || error instanceof CorruptContentError
}
