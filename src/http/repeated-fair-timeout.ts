/** One wait of a {@link RepeatedFairTimeout}. */
interface Wait {
  readonly dueAt: number
  readonly halfMs: number
  /** A timer has run out since it began; what is left of it is another. */
  isSecondHalf: boolean
}

export interface RepeatedFairTimeoutOptions {
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number
  readonly onTimeout: () => void
}

/**
 * As `startFairTimeout`, for one wait after another of which nearly all end early: hardly any of them needs a timer of its
 * own. Calls `onTimeout` for each wait that does not end, at most half of it late where the process was held up.
 */
export class RepeatedFairTimeout implements Disposable {
  readonly #options: RepeatedFairTimeoutOptions
  #wait: Wait | undefined
  #timer: NodeJS.Timeout | undefined
  #wakesAt = Number.POSITIVE_INFINITY
  #immediate: NodeJS.Immediate | undefined

  constructor(options: RepeatedFairTimeoutOptions) {
    this.#options = options
  }

  /** Begins a wait, and ends the one before it. */
  begin(delayMs: number): void {
    const now = this.#options.now()
    const halfMs = delayMs / 2
    this.#wait = { dueAt: now + delayMs, halfMs, isSecondHalf: false }
    if (now + halfMs < this.#wakesAt) this.#wakeIn(halfMs, now)
  }

  end(): void {
    this.#wait = undefined
  }

  [Symbol.dispose](): void {
    this.#wait = undefined
    clearTimeout(this.#timer)
    clearImmediate(this.#immediate)
    this.#wakesAt = Number.POSITIVE_INFINITY
  }

  #wakeIn(delayMs: number, now: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(this.#wake, delayMs)
    this.#wakesAt = now + delayMs
  }

  readonly #wake = (): void => {
    this.#wakesAt = Number.POSITIVE_INFINITY
    const wait = this.#wait
    // The next one that begins starts a timer.
    if (wait === undefined) return
    if (wait.isSecondHalf) {
      this.#immediate = setImmediate(() => this.#expire(wait))
      return
    }
    wait.isSecondHalf = true
    const now = this.#options.now()
    this.#wakeIn(Math.max(wait.dueAt - now, wait.halfMs), now)
  }

  #expire(wait: Wait): void {
    if (this.#wait !== wait) return
    this.#wait = undefined
    this.#options.onTimeout()
  }
}
