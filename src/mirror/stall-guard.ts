import type { PulledBody } from '../http/body.ts'
import { RepeatedFairTimeout } from '../http/repeated-fair-timeout.ts'
import { PeerStallError } from './errors.ts'

/** The least that the bodies of one response must bring. */
export interface StallLimits {
  /** A body is given up where less than `minBytes` came in this much time spent waiting. */
  readonly windowMs: number
  readonly minBytes: number
  /** How much longer the client may be held while one more peer takes over. */
  readonly takeoverMs: number
}

/** A body that is watched as it is read, until this is disposed of. */
export interface WatchedBody extends Disposable {
  /**
   * Reads from the body.
   * @throws where too little came; the body is destroyed then
   */
  read(): Promise<Buffer | undefined>
}

/** Watches bodies as they are read. */
export interface BodyGuard {
  watch(body: PulledBody): WatchedBody
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

  get #allowedMs(): number {
    const { windowMs, takeoverMs } = this.#limits
    return this.#stalls === 0 ? windowMs : windowMs + takeoverMs
  }

  /** Whether the client has been held as long as it may: a peer has stalled that should have taken over from one. */
  get exhausted(): boolean {
    return this.#stalls > 1
  }

  /** What is returned throws {@link PeerStallError} where too little came. */
  watch(body: PulledBody): WatchedBody {
    let allowedMs = 0
    let stall: PeerStallError | undefined
    const timeout = new RepeatedFairTimeout({
      now: this.#now,
      onTimeout: () => {
        this.#stalls += 1
        stall = new PeerStallError(this.#bytes, allowedMs)
        body.destroy()
      },
    })
    return {
      read: async () => {
        allowedMs = this.#allowedMs
        const startedAt = this.#now()
        timeout.begin(Math.max(0, allowedMs - this.#waitedMs))
        let bytes = 0
        try {
          const chunk = await body.read()
          bytes = chunk?.length ?? 0
          return chunk
        } catch (error) {
          throw stall ?? error
        } finally {
          timeout.end()
          this.addWait(this.#now() - startedAt)
          this.#add(bytes)
        }
      },
      [Symbol.dispose]: () => timeout[Symbol.dispose](),
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
