import { setTimeout as delay } from 'node:timers/promises'

const MS_PER_SECOND = 1000

/** One rate that all transfers share, first come, first served. */
export class RateLimit {
  /** Undefined: no limit. */
  bytesPerSecond: number | undefined
  /** When the line is free again for the next transfer. */
  #freeAt = 0

  /** Resolves once `bytes` more may have passed. */
  async take(bytes: number): Promise<void> {
    if (this.bytesPerSecond === undefined) return
    const now = performance.now()
    this.#freeAt = Math.max(now, this.#freeAt) + (bytes / this.bytesPerSecond) * MS_PER_SECOND
    await delay(this.#freeAt - now)
  }
}
