import type { Clock } from '../clock.ts'
import { nameOf } from './bytes-name.ts'

/** How long an answer may be in use: the time that a lookup takes, and then that for which it is cached. */
const WINDOW_MS = 6000
/** Answers remembered of one generation. Whose is forgotten goes on with a cached answer until it expires. */
const MAX_NOTED = 16_384

type Asked = Map<string, Set<string>>

/**
 * Remembers who was lately told that a key has providers, so that they can be told when one has withdrawn it. Peers and
 * keys are kept in two generations, of which the older one is dropped as a whole.
 */
export class RecentAskers {
  readonly #clock: Pick<Clock, 'now'>
  #current: Asked = new Map()
  #previous: Asked = new Map()
  #noted = 0
  #startedAt: number

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
    this.#startedAt = clock.now()
  }

  /** The peer with the id `asker` was told providers of `key`. */
  note(key: Uint8Array, asker: Uint8Array): void {
    this.#age()
    const name = nameOf(key)
    const askers = this.#current.get(name) ?? new Set()
    this.#current.set(name, askers)
    const before = askers.size
    this.#noted += askers.add(nameOf(asker)).size - before
  }

  /** Ids of the peers that were told providers of any of `keys`, and of which. */
  of(keys: readonly Uint8Array[]): readonly { readonly asker: Uint8Array; readonly keys: readonly Uint8Array[] }[] {
    this.#age()
    const asked = new Map<string, Uint8Array[]>()
    for (const key of keys) {
      const name = nameOf(key)
      for (const asker of new Set([...(this.#current.get(name) ?? []), ...(this.#previous.get(name) ?? [])])) {
        const list = asked.get(asker)
        if (list === undefined) asked.set(asker, [key])
        else list.push(key)
      }
    }
    return [...asked].map(([asker, list]) => ({ asker: Buffer.from(asker, 'latin1'), keys: list }))
  }

  #age(): void {
    const now = this.#clock.now()
    const elapsedMs = now - this.#startedAt
    if (elapsedMs < WINDOW_MS && this.#noted < MAX_NOTED) return
    this.#previous = elapsedMs < 2 * WINDOW_MS ? this.#current : new Map()
    this.#current = new Map()
    this.#noted = 0
    this.#startedAt = now
  }
}
