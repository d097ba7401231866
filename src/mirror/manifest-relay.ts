import { sendBody, sendBytes } from '../http/body.ts'
import type { Exchange } from '../http/exchange.ts'
import { formatHostPort } from '../http/host-port.ts'
import { type DistributionPath, formatDistributionPath } from '../oci/distribution-path.ts'
import { formatReference, routingKey } from '../oci/reference.ts'
import type { Peer } from '../routing/router.ts'
import { checkManifest, type ManifestHead } from './answer-head.ts'
import { BurstFollow, type BurstFollowComponents } from './burst-follow.ts'
import type { ChildLookups } from './child-lookups.ts'
import { contentHeaders } from './content-headers.ts'
import { ManifestMemoryError, MirrorMissError } from './errors.ts'
import type { RelayOptions } from './limits.ts'
import { ManifestMemory, type MemoryReservation } from './manifest-memory.ts'
import type { PeerRequests, Question } from './peer-requests.ts'
import { PeerSearch, type SearchComponents } from './peer-search.ts'
import { StallGuard, type StallLimits } from './stall-guard.ts'
import { readManifest, type VerifiedManifest } from './verified-manifest.ts'

export interface ManifestRelayComponents extends SearchComponents, BurstFollowComponents {
  readonly requests: PeerRequests
  readonly children: ChildLookups
}

export type ManifestPath = Extract<DistributionPath, { kind: 'manifest' }>

/** Where one request looks for its manifest, and what it may take up. */
interface Search {
  readonly search: PeerSearch
  readonly memory: MemoryReservation
}

interface FoundManifest {
  readonly manifest: VerifiedManifest
  readonly peer: Peer
  readonly from: 'peer' | 'in_progress'
}

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
    const { children, metrics } = this.#components
    using memory = this.#memory.reserve()
    const found = await this.#find(exchange, path, { search, memory })
    const { digest, mediaType, content } = found.manifest
    children.start(content)
    const { registry } = path.reference
    const length = content.length
    const source = formatHostPort(found.peer.registry)
    const headers = contentHeaders({ digest, mediaType, length, registry, acceptRanges: 'none', source })
    const bytes = await sendBytes(exchange, { status: 200, headers, body: content })
    metrics.traffic.served(found.from, bytes, found.peer.registry.host)
  }

  /** From a peer that has it, else from one that is fetching it. */
  async #find(exchange: Exchange, path: ManifestPath, { search, memory }: Search): Promise<FoundManifest> {
    const { requests } = this.#components
    const question = this.#question('GET', path)
    const { reference } = path
    const { signal } = exchange
    using follow =
      reference.kind === 'digest'
        ? new BurstFollow(this.#components, { digest: reference.digest, stall: this.#stall, signal })
        : undefined
    follow?.prepare(0)
    try {
      return await search.find(async (peer, signal) => {
        const answer = await requests.ask(peer, question, { signal })
        return { manifest: await readManifest(answer, memory), peer, from: 'peer' as const }
      })
    } catch (miss) {
      if (!(miss instanceof MirrorMissError) || follow === undefined) throw miss
      const found = await this.#follow(follow, question, { memory, signal })
      if (found === undefined) throw miss
      return found
    }
  }

  /** From a peer that is fetching it; undefined where none is. */
  async #follow(
    follow: BurstFollow,
    question: Question<ManifestHead>,
    { memory, signal }: { readonly memory: MemoryReservation; readonly signal: AbortSignal },
  ): Promise<FoundManifest | undefined> {
    for (;;) {
      const answer = await follow.find(question, 0)
      if (answer === undefined) return undefined
      try {
        return { manifest: await readManifest(answer, memory), peer: answer.peer, from: 'in_progress' }
      } catch (error) {
        signal.throwIfAborted()
        if (error instanceof ManifestMemoryError) return undefined
        await follow.broke(answer, error)
      }
    }
  }

  /** No number of bytes renews the wait, so it is one for the whole content; several peers are asked side by side. */
  get #stall(): StallLimits {
    return { windowMs: this.#options.limits.manifestTimeoutMs, minBytes: Number.POSITIVE_INFINITY, takeoverMs: 0 }
  }

  #question(method: 'GET' | 'HEAD', path: ManifestPath): Question<ManifestHead> {
    return {
      method,
      target: formatDistributionPath(path),
      subject: formatReference(path.reference),
      guard: new StallGuard(this.#stall, { now: this.#components.now }),
      check: response => checkManifest(response, path.reference),
    }
  }
}
