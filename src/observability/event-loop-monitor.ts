/** How often the event loop is sampled: what blocks it twice as long can't be missed. */
const SAMPLE_MS = 10

export interface EventLoopMonitorComponents {
  /** Is told, for each sample, how much later than due it was taken. */
  readonly observe: (seconds: number) => void
  /** Milliseconds of a monotonic clock. Default: the process's. */
  readonly now?: () => number
}

/**
 * Measures how long the event loop is blocked, while somebody watches: an idle node would spend more on being sampled than
 * on all else. Node's own monitor records the time from sample to sample, in which a short block can't be told.
 */
export class EventLoopMonitor {
  readonly #observe: (seconds: number) => void
  readonly #now: () => number
  #watchers = 0
  #dueAt = 0
  #timer: NodeJS.Timeout | undefined

  constructor({ observe, now = () => performance.now() }: EventLoopMonitorComponents) {
    this.#observe = observe
    this.#now = now
  }

  /** Samples until disposed of, and by then at least once where the loop is blocked. */
  watch(): Disposable {
    if (this.#watchers === 0) this.#schedule()
    this.#watchers += 1
    return { [Symbol.dispose]: () => this.#leave() }
  }

  #leave(): void {
    this.#watchers -= 1
    if (this.#watchers > 0) return
    clearTimeout(this.#timer)
    if (this.#now() > this.#dueAt) this.#sample()
  }

  #schedule(): void {
    this.#dueAt = this.#now() + SAMPLE_MS
    this.#timer = setTimeout(() => {
      this.#sample()
      this.#schedule()
    }, SAMPLE_MS).unref()
  }

  #sample(): void {
    this.#observe(Math.max(0, this.#now() - this.#dueAt) / 1000)
  }
}
