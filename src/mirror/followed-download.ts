import { setTimeout as sleep } from 'node:timers/promises'
import type { Peer } from '../routing/router.ts'

/** Suppliers of one download that are held to account. */
const MAX_SUPPLIERS = 64
/** How long a relay is held up at most for its download to be found. */
const MAX_WAIT_MS = 50

/** A download of the local container runtime, and the peers that parts of it come from. Each relay disposes of it once. */
export class FollowedDownload implements Disposable {
  readonly #suppliers = new Map<string, Peer>()
  readonly #unwanted = new AbortController()
  readonly #looked = Promise.withResolvers<boolean>()
  #relays = 0
  #joined = 0
  #isUnverified = false

  /** One more relay supplies the download. */
  join(): this {
    this.#relays += 1
    this.#joined += 1
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
  }

  /** Notes that some of the download comes from a peer that is fetching it too, and can't know yet whether it is right. */
  addUnverified(): void {
    this.#isUnverified = true
  }

  /** Whether some of it came from such a peer. */
  get isUnverified(): boolean {
    return this.#isUnverified
  }

  /**
   * Whether there is such a download, once that is known. Undefined for all relays but the first, which is told as it joins: what
   * was found then may have been left since.
   */
  get isFound(): Promise<boolean> | undefined {
    return this.#joined === 1 ? this.#looked.promise : undefined
  }

  /** Passes `search` on, and lets those go on who wait for its end. */
  async look<T>(search: Promise<T | undefined>): Promise<T | undefined> {
    let found: T | undefined
    try {
      found = await search
      return found
    } finally {
      this.#looked.resolve(found !== undefined)
    }
  }

  /** Resolves once it is known whether there is such a download, or that takes too long. */
  async looked(): Promise<void> {
    const enough = new AbortController()
    const timeout = sleep(MAX_WAIT_MS, undefined, { signal: enough.signal }).catch(() => undefined)
    await Promise.race([this.#looked.promise, timeout])
    enough.abort()
  }

  [Symbol.dispose](): void {
    this.#relays -= 1
    if (this.#relays === 0 && this.#suppliers.size === 0 && !this.#isUnverified) this.#unwanted.abort()
  }
}
