import { sendBody } from '../http/body.ts'
import type { Exchange } from '../http/exchange.ts'
import { formatHostPort } from '../http/host-port.ts'
import { Slots } from '../http/slots.ts'
import { type DistributionPath, formatDistributionPath } from '../oci/distribution-path.ts'
import { OCTET_STREAM } from '../oci/media-type.ts'
import { formatReference, routingKey } from '../oci/reference.ts'
import { checkBlob, checkRest } from './answer-head.ts'
import { BrokenDigests } from './broken-digests.ts'
import { BurstFollow, type BurstFollowComponents } from './burst-follow.ts'
import type { CommitWatch } from './commit-watch.ts'
import { contentHeaders } from './content-headers.ts'
import { MirrorMissError, MirrorRangeError } from './errors.ts'
import type { FollowedDownload } from './followed-download.ts'
import { forwardedRange } from './forwarded-range.ts'
import type { RelayOptions } from './limits.ts'
import { type BrokenBody, MirroredBlob } from './mirrored-blob.ts'
import type { PeerAnswer } from './peer-answer.ts'
import type { PeerRequests, Question } from './peer-requests.ts'
import { PeerSearch, type SearchComponents } from './peer-search.ts'
import { StallGuard } from './stall-guard.ts'

/** Bodies relayed at once: each holds some hundred KB while its client is slow. No image has more layers. */
const MAX_RELAYS = 128
/**
 * Longest wait for a parent's response head, which it sends before it has a byte: one that is frozen leaves time to ask for
 * another.
 */
const PARENT_HEADERS_TIMEOUT_MS = 1000

export interface BlobRelayComponents extends SearchComponents, BurstFollowComponents {
  readonly requests: PeerRequests
  /** Undefined where nothing tells what becomes of a blob. */
  readonly commits: CommitWatch | undefined
}

export type BlobPath = Extract<DistributionPath, { kind: 'blob' }>

/** One request of a client, over all peers that are asked for it. */
interface Transfer {
  readonly path: BlobPath
  readonly search: PeerSearch
  readonly guard: StallGuard
  /** What is to be had from peers that have it themselves only in part. */
  readonly follow: BurstFollow
  /** What becomes of it. Undefined for a request that brings nothing, or where nothing more can be followed. */
  readonly followed: FollowedDownload | undefined
}

interface Asked<Head> extends Pick<Question<Head>, 'method' | 'range' | 'check'> {
  /** Position of the first byte wanted. */
  readonly offset: number
}

/** Answers requests for blobs with what peers hold. */
export class BlobRelay {
  readonly #components: BlobRelayComponents
  readonly #options: RelayOptions
  readonly #broken: BrokenDigests
  readonly #slots = new Slots({ limit: MAX_RELAYS })

  constructor(components: BlobRelayComponents, options: RelayOptions) {
    this.#components = components
    this.#options = options
    this.#broken = new BrokenDigests({ now: components.now })
  }

  /**
   * @throws {MirrorMissError} where no peer gave it, too many bodies are relayed already, or peers gave corrupt content for it
   *   lately; nothing has been sent then
   * @throws {MirrorRangeError} where the range lies outside of the blob; nothing has been sent then
   * @throws {BodyBrokenError} where a body broke off and no peer was left to take it up
   */
  async answer(exchange: Exchange, path: BlobPath): Promise<void> {
    const { now, metrics, commits } = this.#components
    const { digest, registry } = path.reference
    const { method, headers } = exchange.request
    if (commits?.isDirect(digest)) throw new MirrorMissError(formatReference(path.reference), 'corrupt')
    using slot = this.#slots.take()
    if (slot === undefined) throw new MirrorMissError(formatReference(path.reference), 'busy')
    const range = method === 'HEAD' ? undefined : forwardedRange(headers.range)
    const offset = firstPosition(range)
    using followed = method === 'HEAD' ? undefined : commits?.follow(digest, offset)
    const search = new PeerSearch(this.#components, {
      ...this.#options,
      key: routingKey(path.reference),
      exclude: this.#broken.peers(digest),
      signal: exchange.signal,
    })
    const { stall } = this.#options.limits
    using follow = new BurstFollow(this.#components, {
      digest,
      stall,
      headersTimeoutMs: PARENT_HEADERS_TIMEOUT_MS,
      signal: exchange.signal,
    })
    if (method !== 'HEAD') follow.prepare(offset)
    const transfer = { path, search, guard: new StallGuard(stall, { now }), follow, followed }
    const answer = await this.#ask(transfer, {
      method: method === 'HEAD' ? 'HEAD' : 'GET',
      range,
      offset,
      check: response => checkBlob(response, { digest, range }),
    })
    if (answer.head.kind === 'unsatisfiable') {
      answer.destroy()
      throw new MirrorRangeError(formatReference(path.reference), answer.head.total)
    }
    const { span } = answer.head
    await followed?.looked()
    const body = new MirroredBlob(answer, {
      span,
      resume: broken => this.#resume(transfer, broken),
      onBytes: (bytes, from) => {
        const isInProgress = follow.gave(from)
        metrics.traffic.served(isInProgress ? 'in_progress' : 'peer', bytes, from.peer.registry.host)
        if (isInProgress) followed?.addUnverified()
        else followed?.add(from.peer)
      },
    })
    await sendBody(exchange, {
      status: range === undefined ? 200 : 206,
      headers: contentHeaders({
        digest,
        mediaType: OCTET_STREAM,
        length: span.end - span.start,
        registry,
        acceptRanges: 'bytes',
        source: formatHostPort(answer.peer.registry),
        part: range === undefined ? undefined : span,
      }),
      body,
      // A request that makes room for others ends short of its body, and is made again: a miss would send it elsewhere.
      headFirst: follow.gave(answer),
    })
  }

  /** Finds a peer for the rest of a body, unless the client has been held long enough. */
  async #resume(transfer: Transfer, { answer, error, rest }: BrokenBody): Promise<PeerAnswer> {
    const { path, search, guard, follow } = transfer
    const { digest } = path.reference
    const startedAt = this.#components.now()
    const miss = new MirrorMissError(formatReference(path.reference), 'body_broken', { cause: error })
    // A parent is none of those whose number is limited: in a large burst one request outlives several.
    if (follow.gave(answer)) search.exclude(answer.peer)
    else search.drop(answer.peer)
    await follow.broke(answer, error)
    try {
      if (guard.exhausted) throw miss
      return await this.#ask(transfer, {
        method: 'GET',
        range: `bytes=${rest.start}-${rest.end - 1}`,
        offset: rest.start,
        check: response => checkRest(response, { digest, rest }),
      })
    } catch (failure) {
      if (!(failure instanceof MirrorMissError)) throw failure
      this.#broken.add(digest, search.failed)
      await follow.giveUp()
      throw miss
    } finally {
      guard.addWait(this.#components.now() - startedAt)
    }
  }

  async #ask<Head>(transfer: Transfer, { offset, ...asked }: Asked<Head>): Promise<PeerAnswer<Head>> {
    const { path, search, guard, follow, followed } = transfer
    const question = { ...asked, target: formatDistributionPath(path), subject: formatReference(path.reference) }
    try {
      return await search.find((peer, signal) => {
        followed?.begin()
        return this.#components.requests.ask(peer, { ...question, guard }, { signal })
      })
    } catch (miss) {
      if (!(miss instanceof MirrorMissError) || asked.method === 'HEAD') throw miss
      const answer = await follow.find(question, offset)
      if (answer === undefined) throw miss
      return answer
    }
  }
}

/** Position of the first byte that a request with this `Range` asks for, as far as it says so. */
function firstPosition(range: string | undefined): number {
  return Number(/^bytes=(?<first>[0-9]+)-/.exec(range ?? '')?.groups?.['first'] ?? 0)
}
