import { PeerBusyError } from './errors.ts'

/** Requests in flight to one peer. More would queue up at a peer that has enough to do. */
const MAX_IN_FLIGHT_PER_PEER = 128

/** Limits how many requests are in flight to each peer. */
export class PeerSlots {
  readonly #limit: number
  readonly #taken = new Map<string, number>()

  constructor(limit: number = MAX_IN_FLIGHT_PER_PEER) {
    this.#limit = limit
  }

  /**
   * Takes a slot, to be given back by disposing of it once.
   * @throws {PeerBusyError} where none is free
   */
  take(peer: string): Disposable {
    const count = (this.#taken.get(peer) ?? 0) + 1
    if (count > this.#limit) throw new PeerBusyError(peer, this.#limit)
    this.#taken.set(peer, count)
    return {
      [Symbol.dispose]: () => {
        const left = (this.#taken.get(peer) ?? 0) - 1
        if (left > 0) this.#taken.set(peer, left)
        else this.#taken.delete(peer)
      },
    }
  }
}
