import { sendBody, sendBytes } from '../http/body.ts'
import type { Exchange } from '../http/exchange.ts'
import { formatHostPort } from '../http/host-port.ts'
import { type DistributionPath, formatDistributionPath } from '../oci/distribution-path.ts'
import { formatReference, routingKey } from '../oci/reference.ts'
import { checkManifest, type ManifestHead } from './answer-head.ts'
import type { ChildLookups } from './child-lookups.ts'
import { contentHeaders } from './content-headers.ts'
import type { RelayOptions } from './limits.ts'
import { ManifestMemory } from './manifest-memory.ts'
import type { PeerRequests, Question } from './peer-requests.ts'
import { PeerSearch, type SearchComponents } from './peer-search.ts'
import { StallGuard } from './stall-guard.ts'
import { readManifest } from './verified-manifest.ts'

export interface ManifestRelayComponents extends SearchComponents {
  readonly requests: PeerRequests
  readonly children: ChildLookups
}

export type ManifestPath = Extract<DistributionPath, { kind: 'manifest' }>

/** Excludes no peer: what was verified whole can't break off. */
const NONE: ReadonlySet<string> = new Set()

/** Answers requests for manifests with what peers hold. */
export class ManifestRelay {
  readonly #components: ManifestRelayComponents
  readonly #options: RelayOptions
  readonly #memory: ManifestMemory

  constructor(components: ManifestRelayComponents, options: RelayOptions) {
    this.#components = components
    this.#options = options
    this.#memory = new ManifestMemory(components)
  }

  /** @throws {MirrorMissError} where no peer gave it; nothing has been sent then */
  async answer(exchange: Exchange, path: ManifestPath): Promise<void> {
    const search = new PeerSearch(this.#components, {
      ...this.#options,
      key: routingKey(path.reference),
      exclude: NONE,
      signal: exchange.signal,
    })
    if (exchange.request.method === 'HEAD') await this.#describe(exchange, path, search)
    else await this.#send(exchange, path, search)
  }

  /** The content is verified by whoever gets it, so what one peer says of it will do. */
  async #describe(exchange: Exchange, path: ManifestPath, search: PeerSearch): Promise<void> {
    const answer = await search.find((peer, signal) =>
      this.#components.requests.ask(peer, this.#question('HEAD', path), { signal }),
    )
    const { digest, mediaType, size } = answer.head
    const { registry } = path.reference
    const source = formatHostPort(answer.peer.registry)
    const headers = contentHeaders({ digest, mediaType, length: size, registry, acceptRanges: 'none', source })
    await sendBody(exchange, { status: 200, headers, body: answer })
  }

  async #send(exchange: Exchange, path: ManifestPath, search: PeerSearch): Promise<void> {
    const { requests, children, metrics } = this.#components
    using memory = this.#memory.reserve()
    const { manifest, source } = await search.find(async (peer, signal) => {
      const answer = await requests.ask(peer, this.#question('GET', path), { signal })
      return { manifest: await readManifest(answer, memory), source: formatHostPort(peer.registry) }
    })
    const { digest, mediaType, content } = manifest
    children.start(content)
    const { registry } = path.reference
    const length = content.length
    const headers = contentHeaders({ digest, mediaType, length, registry, acceptRanges: 'none', source })
    const bytes = await sendBytes(exchange, { status: 200, headers, body: content })
    metrics.servedBytes.inc({ source: 'peer' }, bytes)
  }

  #question(method: 'GET' | 'HEAD', path: ManifestPath): Question<ManifestHead> {
    const { manifestTimeoutMs } = this.#options.limits
    // No number of bytes renews the wait, so it is one for the whole content; several peers are asked side by side.
    const limits = { windowMs: manifestTimeoutMs, minBytes: Number.POSITIVE_INFINITY, takeoverMs: 0 }
    return {
      method,
      target: formatDistributionPath(path),
      subject: formatReference(path.reference),
      guard: new StallGuard(limits, { now: this.#components.now }),
      check: response => checkManifest(response, path.reference),
    }
  }
}
