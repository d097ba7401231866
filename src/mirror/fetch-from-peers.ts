import { startFairTimeout } from '../http/fair-timeout.ts'
import type { Peer } from '../routing/router.ts'
import type { Candidates } from './candidates.ts'

/** Asks one peer. Rejects where the peer has no good answer; aborting `signal` gives up the request and its answer. */
export type Attempt<T> = (peer: Peer, signal: AbortSignal) => Promise<T>

export interface FetchOptions {
  /** Most peers to ask. */
  readonly maxPeers: number
  /** Longest wait for another candidate while no request is in flight. */
  readonly resolveTimeoutMs: number
  /** How long a request may be in flight before another peer is asked as well. */
  readonly hedgeDelayMs: number
  readonly signal: AbortSignal
}

export interface FetchResult<T> {
  /** Undefined where no peer had a good one. */
  readonly answer: T | undefined
  /** Peers that were asked and had no good one. */
  readonly failed: readonly Peer[]
}

type Event<T> =
  | { readonly type: 'candidates' }
  | { readonly type: 'alarm' }
  | { readonly type: 'good'; readonly request: AbortController; readonly answer: T }
  | { readonly type: 'failed'; readonly request: AbortController; readonly peer: Peer }

/**
 * Asks candidates until one has a good answer: one at once, the next when a request fails or takes longer than
 * `hedgeDelayMs`. The first good answer wins. Requests still in flight then are heard out before they are aborted: that
 * tells a slow peer from a dead one, which would otherwise cost every request the hedge delay.
 */
export async function fetchFromPeers<T>(
  candidates: Candidates,
  attempt: Attempt<T>,
  options: FetchOptions,
): Promise<FetchResult<T>> {
  const inFlight = new Map<AbortController, Promise<Event<T>>>()
  const failed: Peer[] = []
  let asked = 0
  const ask = async (peer: Peer, request: AbortController): Promise<Event<T>> => {
    try {
      const answer = await attempt(peer, AbortSignal.any([options.signal, request.signal]))
      return { type: 'good', request, answer }
    } catch {
      // Whoever asks has told the log and the scores.
      return { type: 'failed', request, peer }
    }
  }
  // While nothing is in flight the alarm limits the wait for a candidate, otherwise it tells when to hedge.
  let alarm: Alarm | undefined = new Alarm(options.resolveTimeoutMs)
  let mayAsk = true
  try {
    for (;;) {
      options.signal.throwIfAborted()
      const peer = mayAsk && asked < options.maxPeers ? candidates.take() : undefined
      if (peer !== undefined) {
        asked += 1
        const request = new AbortController()
        inFlight.set(request, ask(peer, request))
        alarm?.stop()
        alarm = new Alarm(options.hedgeDelayMs)
        mayAsk = false
        continue
      }
      const noneToCome = candidates.ended || alarm === undefined || asked >= options.maxPeers
      if (inFlight.size === 0 && noneToCome) return { answer: undefined, failed }
      const found = candidates.changed.then((): Event<T> => ({ type: 'candidates' }))
      const event = await Promise.race([...inFlight.values(), found, ...(alarm === undefined ? [] : [alarm.rings])])
      switch (event.type) {
        case 'candidates':
          break
        case 'alarm':
          alarm = undefined
          mayAsk = true
          break
        case 'good':
          inFlight.delete(event.request)
          return { answer: event.answer, failed }
        case 'failed':
          inFlight.delete(event.request)
          failed.push(event.peer)
          mayAsk = true
          if (inFlight.size > 0) break
          alarm?.stop()
          alarm = new Alarm(options.resolveTimeoutMs)
          break
      }
    }
  } finally {
    alarm?.stop()
    for (const [request, outcome] of inFlight) void outcome.then(() => request.abort())
  }
}

/** A timer to be raced. */
class Alarm {
  readonly rings: Promise<{ readonly type: 'alarm' }>
  readonly #timeout: Disposable

  constructor(delayMs: number) {
    const { promise, resolve } = Promise.withResolvers<{ readonly type: 'alarm' }>()
    this.rings = promise
    this.#timeout = startFairTimeout(delayMs, () => resolve({ type: 'alarm' }))
  }

  stop(): void {
    this.#timeout[Symbol.dispose]()
  }
}
