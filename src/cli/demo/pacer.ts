import type { Clock } from '../../routing/clock.ts'

/** Spreads bytes over time so that all who share it stay below one rate. */
export class Pacer {
  readonly #clock: Clock
  readonly #bytesPerMs: number
  /** When the bytes that were let through so far are due. */
  #dueMs = Number.NEGATIVE_INFINITY

  constructor(clock: Clock, options: { readonly bytesPerSecond: number }) {
    this.#clock = clock
    this.#bytesPerMs = options.bytesPerSecond / 1000
  }

  /** Waits until `bytes` more may be sent. */
  async pass(bytes: number, options: { readonly signal: AbortSignal }): Promise<void> {
    const now = this.#clock.now()
    this.#dueMs = Math.max(this.#dueMs, now) + bytes / this.#bytesPerMs
    if (this.#dueMs > now) await this.#clock.sleep(this.#dueMs - now, options)
  }
}
