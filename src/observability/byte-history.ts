/** What is counted over time: bytes to local clients by source, bytes to peers, and requests of local clients. */
export type HistorySeries = 'store' | 'peer' | 'in_progress' | 'upload' | 'hits' | 'misses'

export interface ByteHistoryOptions {
  /** Length of time that is one sum. */
  readonly slotMs: number
  /** How many of them are kept. */
  readonly slots: number
  /** Milliseconds since the epoch. Default: the system's. */
  readonly now?: () => number
}

/** Sums over slots of time, as columns: `times[i]` is when the slot of `values[series][i]` began, in ms since the epoch. */
export interface HistoryColumns {
  readonly slotMs: number
  readonly times: readonly number[]
  readonly values: Readonly<Record<HistorySeries, readonly number[]>>
}

interface Slot {
  readonly index: number
  readonly sums: Record<HistorySeries, number>
}

/** Sums over the slots of the last while. Costs nothing where nothing happens: empty slots are made when read. */
export class ByteHistory {
  readonly #options: ByteHistoryOptions
  readonly #now: () => number
  readonly #slots: Slot[] = []

  constructor(options: ByteHistoryOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
  }

  add(series: HistorySeries, amount: number): void {
    const index = this.#index()
    let slot = this.#slots.at(-1)
    // A clock that is set back adds to the newest slot: slots stay in order.
    if (slot === undefined || slot.index < index) {
      slot = { index, sums: { store: 0, peer: 0, in_progress: 0, upload: 0, hits: 0, misses: 0 } }
      this.#slots.push(slot)
      if (this.#slots.length > this.#options.slots) this.#slots.shift()
    }
    slot.sums[series] += amount
  }

  /** Every slot up to now, the oldest first; those before the first sum are left out. */
  columns(): HistoryColumns {
    const { slotMs, slots } = this.#options
    const last = Math.max(this.#index(), this.#slots.at(-1)?.index ?? 0)
    const first = Math.max(last - slots + 1, this.#slots[0]?.index ?? last)
    const known = new Map(this.#slots.map(slot => [slot.index, slot.sums] as const))
    const indexes = Array.from({ length: last - first + 1 }, (_, at) => first + at)
    const column = (series: HistorySeries) => indexes.map(index => known.get(index)?.[series] ?? 0)
    return {
      slotMs,
      times: indexes.map(index => index * slotMs),
      values: {
        store: column('store'),
        peer: column('peer'),
        in_progress: column('in_progress'),
        upload: column('upload'),
        hits: column('hits'),
        misses: column('misses'),
      },
    }
  }

  #index(): number {
    return Math.floor(this.#now() / this.#options.slotMs)
  }
}
