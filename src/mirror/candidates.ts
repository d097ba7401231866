import type { Log } from '../observability/log.ts'
import type { Metrics } from '../observability/metrics.ts'
import type { Peer, Router } from '../routing/router.ts'
import type { PeerScores } from './peer-scores.ts'

export interface CandidateComponents {
  readonly router: Router
  readonly scores: PeerScores
  readonly metrics: Metrics
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number
  readonly log: Log
}

export interface CandidateOptions {
  /** What is looked up; see `routingKey`. */
  readonly key: string
  /** Ids of peers not to be asked. */
  readonly exclude: ReadonlySet<string>
  /** Whether what an earlier lookup found is of no use; default false. */
  readonly fresh?: boolean
  /** Ends the lookup. */
  readonly signal: AbortSignal
}

/** Answers of one lookup that are looked at; the rest could not be asked anyway. */
const MAX_CANDIDATES = 64

/** The peers that a lookup finds, as they are found. Disposing of it ends the lookup. */
export class Candidates implements Disposable {
  readonly #scores: PeerScores
  readonly #waiting = new Map<string, Peer>()
  readonly #stop = new AbortController()
  #ended = false
  #notifying = false
  #changed = Promise.withResolvers<void>()

  constructor(components: CandidateComponents, options: CandidateOptions) {
    this.#scores = components.scores
    void this.#collect(components, options)
  }

  /** Whether the lookup is over: no more peers will come. */
  get ended(): boolean {
    return this.#ended
  }

  /** Resolves when another peer is found or the lookup ends. */
  get changed(): Promise<void> {
    return this.#changed.promise
  }

  /** Removes and returns the best peer found so far; undefined where there is none worth asking now. */
  take(): Peer | undefined {
    const [best] = this.#scores.order([...this.#waiting.values()])
    if (best !== undefined) this.#waiting.delete(best.id)
    return best
  }

  [Symbol.dispose](): void {
    this.#stop.abort()
  }

  async #collect(components: CandidateComponents, options: CandidateOptions): Promise<void> {
    const startedAt = components.now()
    let found = 0
    // The time to the first candidate, or to the end of a lookup without one.
    const resolved = (): void => {
      if (found > 0) return
      components.metrics.resolveDuration.observe({ router: 'libp2p' }, (components.now() - startedAt) / 1000)
    }
    try {
      const signal = AbortSignal.any([options.signal, this.#stop.signal])
      const { key, fresh = false } = options
      for await (const peer of components.router.lookup(key, { signal, fresh })) {
        resolved()
        found += 1
        if (!options.exclude.has(peer.id)) this.#waiting.set(peer.id, peer)
        this.#notify()
        if (found === MAX_CANDIDATES) break
      }
    } catch (error) {
      components.log.error('lookup failed', { key: options.key, error })
    } finally {
      resolved()
      this.#ended = true
      this.#notify()
    }
  }

  /** Tells of peers that come together together: the best of them should be asked, not the first. */
  #notify(): void {
    if (this.#notifying) return
    this.#notifying = true
    setImmediate(() => {
      this.#notifying = false
      this.#changed.resolve()
      this.#changed = Promise.withResolvers()
    })
  }
}
