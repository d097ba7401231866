import type { ProbeResult, RegistryProbe } from '../http/registry-probe.ts'
import type { Log } from '../observability/log.ts'
import type { Clock } from '../routing/clock.ts'
import type { CallOptions } from '../routing/router.ts'

/** Registries watched at once; tags of further ones are left to the registry. */
const MAX_WATCHED = 64
/** How old a result may be to be used as it is. An outage is noticed sooner the younger it must be. */
const FRESH_MS = { answers: 2000, silent: 1000, off_limits: 60_000 } as const
/** Longest wait of a request for the first result of a registry. */
const FIRST_WAIT_MS = 250
/** Longest wait of a request for a newer result than the one at hand: enough to be told that nobody listens any more. */
const RECHECK_WAIT_MS = 20
/** How often a registry is probed while nobody asks. */
const PROBE_PERIOD_MS = { answers: 30_000, silent: 10_000, off_limits: 60_000 } as const
/** By how much the period varies, so that the nodes of a cluster do not probe together. */
const PERIOD_JITTER = 0.25
/** How long after the last question a registry is watched: longer than a kubelet waits before it tries again. */
const WATCHED_MS = 15 * 60_000

export interface ReachabilityComponents {
  readonly probe: RegistryProbe
  readonly clock: Clock
  readonly log: Log
  /** Uniform in [0, 1). Default: `Math.random`. */
  readonly random?: () => number
}

/** What is known of one registry. */
interface Watched {
  readonly registry: string
  /** When it was last asked about. */
  askedAt: number
  result: { readonly kind: ProbeResult['kind']; readonly at: number } | undefined
  probing: Promise<void> | undefined
}

/**
 * Knows which registries answer. A registry is watched from the first question on until none has come for a quarter of an
 * hour: probed now and then in the background, so that the answer is usually known when it is needed.
 */
export class RegistryReachability implements AsyncDisposable {
  readonly #components: ReachabilityComponents
  readonly #watched = new Map<string, Watched>()
  readonly #closing = new AbortController()
  readonly #tasks = new Set<Promise<void>>()

  constructor(components: ReachabilityComponents) {
    this.#components = components
  }

  /** Whether `registry` is watched already. */
  watches(registry: string): boolean {
    return this.#watched.has(registry)
  }

  /**
   * Whether tags of `registry` are to be resolved there. While nothing is known of it they are: a pull that fails with a
   * registry that is down would have failed without this mirror too, while a tag from the mesh may be an old one, or a lie.
   * For the same reason one probe that fails is made again before it counts. A result that is not fresh is checked, at the
   * cost of a short wait, and then believed.
   */
  async answers(registry: string, { signal }: CallOptions): Promise<boolean> {
    const watched = this.#watch(registry)
    if (watched === undefined) return true
    const now = this.#components.clock.now()
    watched.askedAt = now
    const { result } = watched
    if (result === undefined || now - result.at >= FRESH_MS[result.kind]) {
      await this.#within(result === undefined ? FIRST_WAIT_MS : RECHECK_WAIT_MS, this.#probe(watched), signal)
    }
    return watched.result?.kind !== 'silent'
  }

  /** Ends all probes. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    await Promise.all(this.#tasks)
  }

  #watch(registry: string): Watched | undefined {
    const known = this.#watched.get(registry)
    if (known !== undefined) return known
    if (this.#watched.size >= MAX_WATCHED || this.#closing.signal.aborted) return undefined
    const watched: Watched = { registry, askedAt: 0, result: undefined, probing: undefined }
    this.#watched.set(registry, watched)
    void this.#own(this.#keepKnown(watched))
    return watched
  }

  async #keepKnown(watched: Watched): Promise<void> {
    const { clock, random = Math.random } = this.#components
    const { signal } = this.#closing
    for (;;) {
      await this.#probe(watched)
      const periodMs = PROBE_PERIOD_MS[watched.result?.kind ?? 'silent']
      await clock.sleep(periodMs * (1 - PERIOD_JITTER + 2 * PERIOD_JITTER * random()), { signal })
      if (!signal.aborted && clock.now() - watched.askedAt < WATCHED_MS) continue
      this.#watched.delete(watched.registry)
      return
    }
  }

  /** One probe at a time, shared by all who wait for it. */
  #probe(watched: Watched): Promise<void> {
    watched.probing ??= this.#own(
      this.#probeOnce(watched).finally(() => {
        watched.probing = undefined
      }),
    )
    return watched.probing
  }

  async #probeOnce(watched: Watched): Promise<void> {
    const { probe, clock } = this.#components
    const { signal } = this.#closing
    if (signal.aborted) return
    const before = watched.result?.kind
    let result = await probe(watched.registry, { signal })
    if (result.kind === 'silent' && before !== 'silent' && !signal.aborted)
      result = await probe(watched.registry, { signal })
    if (signal.aborted) return
    watched.result = { kind: result.kind, at: clock.now() }
    if (result.kind !== (before ?? 'answers')) this.#tell(watched.registry, result)
  }

  #tell(registry: string, result: ProbeResult): void {
    const { log } = this.#components
    switch (result.kind) {
      case 'answers':
        log.info('registry answers again: its tags are resolved there', { registry })
        break
      case 'silent':
        log.info('registry does not answer: its tags come from this node and its peers', {
          registry,
          reason: result.reason,
        })
        break
      case 'off_limits':
        log.info('registry is not probed, its tags are resolved there: it would lead into this node', { registry })
        break
    }
  }

  /** Waits for `promise`, but no longer than `ms`. */
  async #within(ms: number, promise: Promise<void>, signal: AbortSignal): Promise<void> {
    const stop = new AbortController()
    const deadline = this.#components.clock.sleep(ms, { signal: AbortSignal.any([signal, stop.signal]) })
    await Promise.race([promise, deadline])
    stop.abort()
  }

  #own(task: Promise<void>): Promise<void> {
    this.#tasks.add(task)
    void task.finally(() => this.#tasks.delete(task))
    return task
  }
}
