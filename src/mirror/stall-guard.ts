import type { PulledBody } from '../http/body.ts'
import { startFairTimeout } from '../http/fair-timeout.ts'
import { PeerStallError } from './errors.ts'

/** The least that the bodies of one response must bring. */
export interface StallLimits {
  /** A body is given up where less than `minBytes` came in this much time spent waiting. */
  readonly windowMs: number
  readonly minBytes: number
  /** How much longer the client may be held while one more peer takes over. */
  readonly takeoverMs: number
}

/** Watches bodies as they are read. */
export interface BodyGuard {
  /**
   * Reads from `body`.
   * @throws where too little came; `body` is destroyed then
   */
  read(body: PulledBody): Promise<Buffer | undefined>
}

/**
 * Reads the bodies that one response is made of, one after another, and gives up where they stall. What came and how
 * long it took is counted over all of them, so that peers that stall in turn hold a client no longer than one. Only time
 * spent waiting for peers counts, so that a slow client, for whom nothing is read, never makes a peer look slow.
 */
export class StallGuard implements BodyGuard {
  readonly #limits: StallLimits
  readonly #now: () => number
  /** These are since the last time that enough came. */
  #bytes = 0
  #waitedMs = 0
  #stalls = 0

  /** @param options.now milliseconds of a monotonic clock */
  constructor(limits: StallLimits, options: { readonly now: () => number }) {
    this.#limits = limits
    this.#now = options.now
  }

  /** Whether the client has been held as long as it may: a peer has stalled that should have taken over from one. */
  get exhausted(): boolean {
    return this.#stalls > 1
  }

  /**
   * Reads from `body`.
   * @throws {PeerStallError} where too little came; `body` is destroyed then
   */
  async read(body: PulledBody): Promise<Buffer | undefined> {
    const { windowMs, takeoverMs } = this.#limits
    const allowedMs = this.#stalls === 0 ? windowMs : windowMs + takeoverMs
    const startedAt = this.#now()
    const stalled = Promise.withResolvers<never>()
    using _timeout = startFairTimeout(Math.max(0, allowedMs - this.#waitedMs), () => {
      this.#stalls += 1
      stalled.reject(new PeerStallError(this.#bytes, allowedMs))
      body.destroy()
    })
    let bytes = 0
    try {
      const chunk = await Promise.race([stalled.promise, body.read()])
      bytes = chunk?.length ?? 0
      return chunk
    } finally {
      this.addWait(this.#now() - startedAt)
      this.#add(bytes)
    }
  }

  /** Counts time that the client was held by something else, such as the search for another peer. */
  addWait(waitedMs: number): void {
    this.#waitedMs += waitedMs
  }

  #add(bytes: number): void {
    this.#bytes += bytes
    if (this.#bytes < this.#limits.minBytes) return
    this.#bytes = 0
    this.#waitedMs = 0
    this.#stalls = 0
  }
}
