import { startFairTimeout } from '../http/fair-timeout.ts'
import type { CallOptions, Peer } from '../routing/router.ts'

/** Suppliers of one download that are held to account. */
const MAX_SUPPLIERS = 64
/** How long a relay is held up at most for its download to be found. */
const MAX_WAIT_MS = 50

/** A download of the local container runtime, and the peers that parts of it come from. Each relay disposes of it once. */
export class FollowedDownload implements Disposable {
  readonly #suppliers = new Map<string, Peer>()
  readonly #unwanted = new AbortController()
  readonly #begun = Promise.withResolvers<boolean>()
  readonly #looked = Promise.withResolvers<void>()
  #relays = 0
  #isUnverified = false

  /** One more relay supplies the download. */
  join(): this {
    this.#relays += 1
    return this
  }

  /** Aborts once all relays are done and none of them got anything from a peer. */
  get unwanted(): AbortSignal {
    return this.#unwanted.signal
  }

  get suppliers(): readonly Peer[] {
    return [...this.#suppliers.values()]
  }

  /** Notes that some of the download comes from `peer`. */
  add(peer: Peer): void {
    if (this.#suppliers.size < MAX_SUPPLIERS) this.#suppliers.set(peer.id, peer)
    this.begin()
  }

  /** Notes that some of the download comes from a peer that is fetching it too, and can't know yet whether it is right. */
  addUnverified(): void {
    this.#isUnverified = true
    this.begin()
  }

  /** Whether some of it came from such a peer. */
  get isUnverified(): boolean {
    return this.#isUnverified
  }

  /** Some of it is about to be supplied, for the first time or again: it is to be looked for. */
  begin(): void {
    this.#begun.resolve(true)
  }

  /** Waits for {@link begin}; false where `signal` aborts before that. */
  async begun({ signal }: CallOptions): Promise<boolean> {
    const end = (): void => this.#begun.resolve(false)
    if (signal.aborted) end()
    else signal.addEventListener('abort', end, { once: true })
    try {
      return await this.#begun.promise
    } finally {
      // A signal that is made of others lives for as long as somebody listens to it.
      signal.removeEventListener('abort', end)
    }
  }

  /** Passes `search` on, and lets those go on who wait for its end. */
  async look<T>(search: Promise<T>): Promise<T> {
    try {
      return await search
    } finally {
      this.#looked.resolve()
    }
  }

  /** Begins, and resolves once it is known whether there is such a download, or that takes too long. */
  async looked(): Promise<void> {
    this.begin()
    using _timeout = startFairTimeout(MAX_WAIT_MS, () => this.#looked.resolve())
    await this.#looked.promise
  }

  [Symbol.dispose](): void {
    this.#relays -= 1
    if (this.#relays === 0 && this.#suppliers.size === 0 && !this.#isUnverified) this.#unwanted.abort()
  }
}
