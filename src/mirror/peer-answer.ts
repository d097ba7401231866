import type { PeerBody } from '../http/peer-client.ts'
import type { Peer } from '../routing/router.ts'
import type { BodyGuard, WatchedBody } from './stall-guard.ts'

export interface AnswerParts<Head> {
  readonly peer: Peer
  /** What was read from the response head. */
  readonly head: Head
  readonly body: PeerBody
}

export interface AnswerOptions {
  /** Watches the body. */
  readonly guard: BodyGuard
  readonly now: () => number
  /** Abandons the answer. */
  readonly signal: AbortSignal
  /** Exactly one of these is called, once. `waitedMs` is time spent waiting for the peer. */
  readonly onDone: (bytes: number, waitedMs: number) => void
  readonly onFailed: (error: unknown) => void
  readonly onAbandoned: () => void
}

/** A good answer of a peer, from its head on. Must be read to its end, failed or destroyed. */
export class PeerAnswer<Head = unknown> implements PeerBody {
  readonly peer: Peer
  readonly head: Head
  readonly #body: PeerBody
  readonly #watched: WatchedBody
  readonly #options: AnswerOptions
  #bytes = 0
  #waitedMs = 0
  #settled = false

  constructor(parts: AnswerParts<Head>, options: AnswerOptions) {
    this.peer = parts.peer
    this.head = parts.head
    this.#body = parts.body
    this.#watched = options.guard.watch(parts.body)
    this.#options = options
    options.signal.addEventListener('abort', this.#abandon)
    if (options.signal.aborted) this.#abandon()
  }

  /**
   * As {@link PeerBody.read}.
   * @throws {PeerStallError} where it comes too slowly
   */
  async read(): Promise<Buffer | undefined> {
    const { now } = this.#options
    const startedAt = now()
    try {
      const chunk = await this.#watched.read()
      this.#waitedMs += now() - startedAt
      this.#bytes += chunk?.length ?? 0
      if (chunk === undefined) this.#settle(() => this.#options.onDone(this.#bytes, this.#waitedMs))
      return chunk
    } catch (error) {
      this.fail(error)
      throw error
    }
  }

  hold(): (() => void) | undefined {
    return this.#body.hold?.()
  }

  /** Gives the answer up because it is not what its head promised. */
  fail(error: unknown): void {
    this.#settle(() => this.#options.onFailed(error))
    this.#body.destroy()
  }

  destroy(): void {
    this.#abandon()
  }

  readonly #abandon = (): void => {
    this.#settle(this.#options.onAbandoned)
    this.#body.destroy()
  }

  #settle(report: () => void): void {
    if (this.#settled) return
    this.#settled = true
    this.#options.signal.removeEventListener('abort', this.#abandon)
    this.#watched[Symbol.dispose]()
    report()
  }
}
