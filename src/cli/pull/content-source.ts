import type { Descriptor } from '../../oci/descriptor.ts'
import { type Digest, digestAlgorithm, digestOf, isDigest } from '../../oci/digest.ts'
import { formatDistributionPath } from '../../oci/distribution-path.ts'
import {
  DOCKER_INDEX,
  DOCKER_MANIFEST,
  isManifestMediaType,
  isMediaType,
  MAX_MANIFEST_BYTES,
  OCI_INDEX,
  OCI_MANIFEST,
} from '../../oci/media-type.ts'
import { formatReference, type Reference } from '../../oci/reference.ts'
import { HostError, UnavailableError } from './errors.ts'
import type { Exchange } from './exchange.ts'
import type { RegistryHost } from './registry-host.ts'

const MANIFEST_ACCEPT = [DOCKER_MANIFEST, DOCKER_INDEX, OCI_MANIFEST, OCI_INDEX, '*/*'].join(', ')

interface CallOptions {
  readonly signal: AbortSignal
}

/** A body under way: what is yet to come of some content. */
export interface OpenedContent extends AsyncDisposable {
  /** Who it comes from: `upstream`, `store` (of the mirror), or the `host:port` of a peer or mirror. */
  readonly source: string
  /** @throws {HostError} where it breaks off */
  chunks(): AsyncIterable<Uint8Array>
}

/** Asks hosts for the content of one image. Each request starts at the first host and goes on to the next on any failure. */
export class ContentSource {
  readonly #hosts: readonly RegistryHost[]
  readonly #reference: Reference

  constructor(hosts: readonly RegistryHost[], reference: Reference) {
    this.#hosts = hosts
    this.#reference = reference
  }

  /**
   * What the reference points at.
   * @throws {UnavailableError} where no host knows
   */
  resolve({ signal }: CallOptions): Promise<Descriptor> {
    const target = formatDistributionPath({ kind: 'manifest', reference: this.#reference })
    return this.#firstOf(formatReference(this.#reference), async host => {
      const request = { headers: { accept: MANIFEST_ACCEPT }, signal }
      await using head = await host.send(target, { ...request, method: 'HEAD' })
      if (head.status !== 200 && head.status !== 405) throw refused(head)
      const described = head.status === 200 ? describe(head, this.#reference) : undefined
      if (described !== undefined) return described
      await using response = await host.send(target, { ...request, method: 'GET' })
      if (response.status !== 200) throw refused(response)
      const content = await response.read(MAX_MANIFEST_BYTES)
      const wanted = this.#reference
      const digest = digestOf(content, wanted.kind === 'digest' ? digestAlgorithm(wanted.digest) : 'sha256')
      checkAsked(response.host, wanted, digest)
      return { digest, size: content.length, mediaType: manifestMediaType(response) }
    })
  }

  /**
   * Opens content from `offset` on.
   * @throws {UnavailableError} where no host has it
   */
  open(content: Descriptor, { offset, signal }: CallOptions & { readonly offset: number }): Promise<OpenedContent> {
    const { digest, size, mediaType } = content
    const { registry, repository } = this.#reference
    const kind = isManifestMediaType(mediaType) ? 'manifest' : 'blob'
    const target = formatDistributionPath({ kind, reference: { kind: 'digest', registry, repository, digest } })
    const headers = { accept: `${mediaType}, */*`, ...(offset > 0 ? { range: `bytes=${offset}-` } : {}) }
    return this.#firstOf(digest, async host => {
      const exchange = await host.send(target, { method: 'GET', headers, signal })
      try {
        const start = startOf(exchange, { offset, size })
        return {
          source: host.sourceOf(exchange),
          chunks: () => skip(exchange.chunks(), offset - start),
          [Symbol.asyncDispose]: () => exchange[Symbol.asyncDispose](),
        }
      } catch (error) {
        await exchange[Symbol.asyncDispose]()
        throw error
      }
    })
  }

  async #firstOf<T>(what: string, attempt: (host: RegistryHost) => Promise<T>): Promise<T> {
    const failures: HostError[] = []
    for (const host of this.#hosts) {
      try {
        return await attempt(host)
      } catch (error) {
        if (!(error instanceof HostError)) throw error
        failures.push(error)
      }
    }
    throw new UnavailableError(what, failures)
  }
}

function refused({ host, status }: Exchange): HostError {
  return new HostError(host, `status ${status}`, { status })
}

/** What the head of a response says of a manifest; undefined where it does not say enough. */
function describe(head: Exchange, reference: Reference): Descriptor | undefined {
  const digest = head.header('docker-content-digest') ?? ''
  const size = Number(head.header('content-length') ?? Number.NaN)
  if (!isDigest(digest) || !Number.isSafeInteger(size) || size <= 0) return undefined
  checkAsked(head.host, reference, digest)
  return { digest, size, mediaType: manifestMediaType(head) }
}

function checkAsked(host: string, reference: Reference, digest: Digest): void {
  if (reference.kind === 'tag' || reference.digest === digest) return
  throw new HostError(host, `answers ${reference.digest} with ${digest}`)
}

function manifestMediaType(head: Exchange): string {
  const [mediaType = ''] = (head.header('content-type') ?? '').split(';', 1)
  if (isManifestMediaType(mediaType.trim())) return mediaType.trim()
  throw new HostError(head.host, `not a manifest: ${isMediaType(mediaType) ? mediaType : 'no media type'}`)
}

/** The position at which a body starts; a host that ignores ranges sends all of the content again. */
function startOf(exchange: Exchange, wanted: { readonly offset: number; readonly size: number }): number {
  const { host, status } = exchange
  if (status !== 200 && status !== 206) throw refused(exchange)
  if (status === 206 && !exchange.header('content-range')?.startsWith(`bytes ${wanted.offset}-`)) {
    throw new HostError(host, 'sends another range than was asked for', { status })
  }
  const start = status === 206 ? wanted.offset : 0
  const length = exchange.header('content-length')
  if (length !== undefined && Number(length) !== wanted.size - start) {
    throw new HostError(host, `has ${length} bytes where ${wanted.size - start} are wanted`, { status })
  }
  return start
}

async function* skip(chunks: AsyncIterable<Uint8Array>, count: number): AsyncGenerator<Uint8Array> {
  let left = count
  for await (const chunk of chunks) {
    if (chunk.length > left) yield chunk.subarray(left)
    left = Math.max(0, left - chunk.length)
  }
}
