import { formatReference } from '../oci/reference.ts'
import type { StoreEntry, StoreEvent } from './watcher.ts'

/** Is told every entry of a store. One that is told again, by its {@link entryKey}, counts as it was told first. */
export type TellEntry = (entry: StoreEntry) => void

/** What identifies `entry`: its tag, or its digest whether it is an image's or plain content. */
export function entryKey(entry: StoreEntry): string {
  return entry.kind === 'tag' ? formatReference(entry.reference) : entry.digest
}

/**
 * Remembers what a store holds from one look to the next. There is one copy of each entry, marked with the look that saw it
 * last: a second set of all entries, made and dropped by each look, would double the memory of a node with many blobs.
 */
export class EntryTracker {
  readonly #known = new Map<string, { readonly entry: StoreEntry; seenIn: number }>()
  #looks = 0
  #isSnapshotTold = false

  /**
   * Looks at the store by calling `walk`, which tells all entries.
   * @returns a snapshot the first time, then the events that lead from the last look to this one. Removals come first, so
   * that an entry that changed (a tag that moved) is removed as it was and then added as it is. Where `walk` fails, its
   * failure is thrown, and the next look starts from where the one before ended.
   */
  async look(walk: (tell: TellEntry) => Promise<void>): Promise<readonly StoreEvent[]> {
    this.#looks += 1
    const added: StoreEntry[] = []
    const removed: StoreEntry[] = []
    const tell: TellEntry = entry => {
      const key = entryKey(entry)
      const known = this.#known.get(key)
      if (known?.seenIn === this.#looks) return
      if (known !== undefined && isSame(known.entry, entry)) {
        known.seenIn = this.#looks
        return
      }
      if (known !== undefined) removed.push(known.entry)
      added.push(entry)
      this.#known.set(key, { entry, seenIn: this.#looks })
    }
    try {
      await walk(tell)
    } catch (error) {
      for (const entry of added) this.#known.delete(entryKey(entry))
      for (const entry of removed) this.#known.set(entryKey(entry), { entry, seenIn: this.#looks })
      throw error
    }
    if (!this.#isSnapshotTold) {
      this.#isSnapshotTold = true
      return [{ type: 'snapshot', entries: added }]
    }
    for (const [key, { entry, seenIn }] of this.#known) {
      if (seenIn === this.#looks) continue
      removed.push(entry)
      this.#known.delete(key)
    }
    return [
      ...(removed.length > 0 ? [{ type: 'removed', entries: removed } as const] : []),
      ...(added.length > 0 ? [{ type: 'added', entries: added } as const] : []),
    ]
  }
}

function isSame(one: StoreEntry, other: StoreEntry): boolean {
  if (one.kind !== other.kind || one.digest !== other.digest) return false
  return one.kind === 'tag' || other.kind === 'tag' || one.registry === other.registry
}
