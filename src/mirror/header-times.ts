/** Times kept for the percentile. */
const KEPT_TIMES = 128
const PERCENTILE = 0.9
/** Hedge delay before anything has been measured. */
const INITIAL_DELAY_MS = 50
const SHORTEST_DELAY_MS = 5
const LONGEST_DELAY_MS = 200

/** Recent times from a request to its response head, over all peers. */
export class HeaderTimes {
  readonly #times: number[] = []
  #next = 0

  add(elapsedMs: number): void {
    this.#times[this.#next] = elapsedMs
    this.#next = (this.#next + 1) % KEPT_TIMES
  }

  /** How long to wait for a head before a second peer is asked as well: the 90th percentile, within 5 to 200 ms. */
  hedgeDelayMs(): number {
    const sorted = this.#times.toSorted((a, b) => a - b)
    const time = sorted[Math.ceil(sorted.length * PERCENTILE) - 1] ?? INITIAL_DELAY_MS
    return Math.min(LONGEST_DELAY_MS, Math.max(SHORTEST_DELAY_MS, time))
  }
}
