import type { CallOptions, Peer } from '../router.ts'
import { abortable } from './abortable.ts'

/** The peers that one lookup finds, read by all who look for the same key meanwhile and, once it is over, from cache. */
export class SharedLookup {
  readonly #peers = new Map<string, Peer>()
  readonly #removed = new Set<string>()
  #ended = false
  #changed = Promise.withResolvers<void>()

  /** Whether nobody was found, so far. */
  get isEmpty(): boolean {
    return this.#peers.size === 0
  }

  add(peer: Peer): void {
    if (this.#removed.has(peer.id)) return
    this.#peers.set(peer.id, peer)
    this.#notify()
  }

  /** The peer with this id turns out not to hold the key; an answer that still names it counts for nothing. */
  remove(id: string): void {
    this.#removed.add(id)
    this.#peers.delete(id)
  }

  end(): void {
    this.#ended = true
    this.#notify()
  }

  /** Yields each peer once, from the first; ends with the lookup or when `signal` aborts. */
  async *read({ signal }: CallOptions): AsyncGenerator<Peer> {
    const yielded = new Set<Peer>()
    while (!signal.aborted) {
      const { promise } = this.#changed
      for (const peer of this.#peers.values()) {
        if (yielded.has(peer)) continue
        yielded.add(peer)
        yield peer
      }
      if (this.#ended) return
      try {
        await abortable(promise, signal)
      } catch {
        return
      }
    }
  }

  #notify(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }
}
