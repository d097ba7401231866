import type { CallOptions, MemberChange } from '../router.ts'
import { abortable } from './abortable.ts'

/** Changes kept for a reader that is slow; the oldest is dropped first. */
const MAX_UNREAD = 16_384

/** Membership changes on their way to one reader. */
export class ChangeFeed {
  /** The latest change of each peer: that one came and went meanwhile is of no use to anyone. */
  readonly #unread = new Map<string, MemberChange>()
  #changed = Promise.withResolvers<void>()

  push(change: MemberChange): void {
    const { id } = change.peer
    this.#unread.delete(id)
    for (const oldest of this.#unread.keys()) {
      if (this.#unread.size < MAX_UNREAD) break
      this.#unread.delete(oldest)
    }
    this.#unread.set(id, change)
    this.#changed.resolve()
  }

  /** Yields changes in order until `signal` aborts. */
  async *read({ signal }: CallOptions): AsyncGenerator<MemberChange> {
    while (!signal.aborted) {
      for (const [id, change] of this.#unread) {
        this.#unread.delete(id)
        yield change
        if (signal.aborted) return
      }
      this.#changed = Promise.withResolvers()
      try {
        await abortable(this.#changed.promise, signal)
      } catch {
        return
      }
    }
  }
}
