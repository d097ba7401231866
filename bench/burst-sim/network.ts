import type { Due, EventClock } from './event-clock.ts'

/** What is left of a transfer because of rounding; less than a byte. */
const ROUNDING = 1e-3

/** What transfers share evenly, in bytes a millisecond. */
export class Link {
  readonly bytesPerMs: number
  readonly transfers = new Set<Transfer>()

  constructor(bytesPerSecond: number) {
    this.bytesPerMs = bytesPerSecond / 1000
  }
}

/** Bytes on their way. It is as fast as the one of its links that gives it least. */
export interface Transfer {
  readonly links: readonly Link[]
  readonly done: () => void
  left: number
  rate: number
  ratedAt: number
  due: Due | undefined
  endsAt: number
}

/** Moves bytes over links: a fluid model, in which a transfer's rate changes when others on its links begin or end. */
export class Network {
  readonly #clock: EventClock

  constructor(clock: EventClock) {
    this.#clock = clock
  }

  /** @param done called once all bytes have arrived */
  start(links: readonly Link[], bytes: number, done: () => void): Transfer {
    const now = this.#clock.now()
    const transfer: Transfer = { links, done, left: bytes, rate: 0, ratedAt: now, due: undefined, endsAt: now }
    for (const link of links) link.transfers.add(transfer)
    this.#share(links)
    return transfer
  }

  stop(transfer: Transfer): void {
    if (transfer.due !== undefined) transfer.due.happen = undefined
    transfer.due = undefined
    for (const link of transfer.links) link.transfers.delete(transfer)
    this.#share(transfer.links)
  }

  #share(links: readonly Link[]): void {
    for (const link of links) for (const transfer of link.transfers) this.#rate(transfer)
  }

  #rate(transfer: Transfer): void {
    let rate = Number.POSITIVE_INFINITY
    for (const { bytesPerMs, transfers } of transfer.links) rate = Math.min(rate, bytesPerMs / transfers.size)
    if (rate === transfer.rate) return
    const now = this.#clock.now()
    transfer.left -= transfer.rate * (now - transfer.ratedAt)
    transfer.ratedAt = now
    transfer.rate = rate
    transfer.endsAt = now + Math.max(0, transfer.left) / rate
    // One that ends later than it was to is looked at when it was to end.
    if (transfer.due !== undefined && transfer.due.at <= transfer.endsAt) return
    if (transfer.due !== undefined) transfer.due.happen = undefined
    this.#await(transfer)
  }

  #await(transfer: Transfer): void {
    const now = this.#clock.now()
    transfer.due = this.#clock.after(Math.max(0, transfer.endsAt - now), () => {
      if (transfer.endsAt - this.#clock.now() > ROUNDING) {
        this.#await(transfer)
        return
      }
      transfer.due = undefined
      this.stop(transfer)
      transfer.done()
    })
  }
}
