import type { Clock } from '../clock.ts'

/** Lets a burst through, then a steady rate. */
export class TokenBucket {
  readonly #clock: Pick<Clock, 'now'>
  readonly #burst: number
  readonly #perSecond: number
  #tokens: number
  #filledAt: number

  constructor(clock: Pick<Clock, 'now'>, options: { readonly burst: number; readonly perSecond: number }) {
    this.#clock = clock
    this.#burst = options.burst
    this.#perSecond = options.perSecond
    this.#tokens = options.burst
    this.#filledAt = clock.now()
  }

  /** Takes `count` tokens; false, and none is taken, where fewer are left. */
  take(count = 1): boolean {
    const now = this.#clock.now()
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#filledAt) / 1000) * this.#perSecond)
    this.#filledAt = now
    if (this.#tokens < count) return false
    this.#tokens -= count
    return true
  }
}
