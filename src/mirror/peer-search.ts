import type { MissReason } from '../observability/metrics.ts'
import type { Peer } from '../routing/router.ts'
import { type CandidateComponents, Candidates } from './candidates.ts'
import { MirrorMissError } from './errors.ts'
import { type Attempt, fetchFromPeers } from './fetch-from-peers.ts'
import type { HeaderTimes } from './header-times.ts'

export interface SearchComponents extends CandidateComponents {
  readonly headerTimes: HeaderTimes
}

export interface SearchOptions {
  /** What is looked up; see `routingKey`. */
  readonly key: string
  /** Most peers that may fail before the search is given up. */
  readonly maxPeers: number
  /** Longest wait for another candidate while no request is in flight. */
  readonly resolveTimeoutMs: number
  /** Ids of peers not to be asked, because a body from them broke off lately. */
  readonly exclude: ReadonlySet<string>
  readonly signal: AbortSignal
}

interface Round<T> {
  /** Undefined where no peer had a good one. */
  readonly answer: T | undefined
  /** Whether all peers that were named were asked, some have failed, and more may be asked. */
  readonly isExhausted: boolean
}

/** The peers that one client's request is tried at: first for an answer, later for the rest of one that broke off. */
export class PeerSearch {
  readonly #components: SearchComponents
  readonly #options: SearchOptions
  readonly #excluded: Set<string>
  readonly #failed = new Set<string>()

  constructor(components: SearchComponents, options: SearchOptions) {
    this.#components = components
    this.#options = options
    this.#excluded = new Set(options.exclude)
  }

  /** Ids of the peers that failed in this search. */
  get failed(): ReadonlySet<string> {
    return this.#failed
  }

  /**
   * The first good answer of a peer that has not failed in this search. Where none of those that the router named has one,
   * it may have named them from memory: it is asked once more.
   * @throws {MirrorMissError} where none has one
   */
  async find<T>(attempt: Attempt<T>): Promise<T> {
    const first = await this.#round(attempt, { fresh: false })
    const { answer } = first.isExhausted ? await this.#round(attempt, { fresh: true }) : first
    if (answer === undefined) throw new MirrorMissError(this.#options.key, this.#missReason())
    return answer
  }

  async #round<T>(attempt: Attempt<T>, { fresh }: { readonly fresh: boolean }): Promise<Round<T>> {
    const { key, signal, maxPeers, resolveTimeoutMs } = this.#options
    using candidates = new Candidates(this.#components, { key, exclude: this.#excluded, fresh, signal })
    const { answer, failed } = await fetchFromPeers(candidates, attempt, {
      maxPeers: maxPeers - this.#failed.size,
      resolveTimeoutMs,
      hedgeDelayMs: this.#components.headerTimes.hedgeDelayMs(),
      signal,
    })
    for (const peer of failed) this.drop(peer)
    const { size: failures } = this.#failed
    const isExhausted = answer === undefined && candidates.ended && failures > 0 && failures < maxPeers
    return { answer, isExhausted }
  }

  /** Asks `peer` no more, without holding anything against it. */
  exclude(peer: Peer): void {
    this.#excluded.add(peer.id)
  }

  /** Notes that `peer` failed; told of a peer whose answer was good at first by whoever read on. */
  drop(peer: Peer): void {
    this.#failed.add(peer.id)
    this.exclude(peer)
  }

  #missReason(): MissReason {
    if (this.#failed.size > 0) return 'peers_failed'
    if (this.#options.exclude.size > 0) return 'body_broken'
    return this.#components.router.ready() ? 'not_found' : 'not_ready'
  }
}
