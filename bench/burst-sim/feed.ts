import type { Fault } from '../../src/coalesce/bursts.ts'
import type { Download } from './download.ts'
import type { EventClock } from './event-clock.ts'
import type { Network, Transfer } from './network.ts'

/** How long nothing may come from a parent at depth 0, and how much longer for each node between it and upstream. */
const STALL = { ms: 5000, perDepthMs: 1000 }

interface FeedOptions {
  readonly depth: number
  /** Told once how it ended: with a fault, or because all has arrived. */
  readonly onEnd: (fault: Fault | undefined) => void
}

/** A parent's answer to a child: what it has, and what it gets, as it gets it. */
export class Feed {
  readonly parent: Download
  readonly child: Download
  readonly #parts: { readonly clock: EventClock; readonly network: Network }
  readonly #options: FeedOptions
  readonly #pump = (): void => this.#send()
  #transfer: Transfer | undefined
  #fedAt: number
  #isFrozen = false
  #isEnded = false

  constructor(
    parts: { readonly clock: EventClock; readonly network: Network },
    ends: { readonly parent: Download; readonly child: Download },
    options: FeedOptions,
  ) {
    this.#parts = parts
    this.parent = ends.parent
    this.child = ends.child
    this.#options = options
    this.#fedAt = parts.clock.now()
    this.child.isFlowing = () => this.isFlowing
    this.#watch()
    this.#send()
  }

  /** Whether bytes arrive: a chunk is on its way, or would be if less than a chunk were sent at a time. */
  get isFlowing(): boolean {
    return !this.#isFrozen && (this.#transfer !== undefined || this.parent.isFlowing())
  }

  /** Nothing comes any more, and nobody says so. */
  freeze(): void {
    this.#isFrozen = true
    this.#stop()
  }

  end(fault: Fault | undefined): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.child.isFlowing = () => false
    this.#stop()
    this.#options.onEnd(fault)
  }

  #stop(): void {
    this.parent.offGrowth(this.#pump)
    if (this.#transfer !== undefined) this.#parts.network.stop(this.#transfer)
    this.#transfer = undefined
  }

  #send(): void {
    const { parent, child } = this
    const bytes = parent.available(child.have)
    if (bytes <= 0) {
      parent.onGrowth(this.#pump)
      return
    }
    this.#transfer = this.#parts.network.start([parent.machine.up, child.machine.down], bytes, () => {
      this.#transfer = undefined
      this.#fedAt = this.#parts.clock.now()
      parent.machine.uploadedBytes += bytes
      child.grow(bytes)
      if (child.isComplete) this.end(undefined)
      else this.#send()
    })
  }

  #watch(): void {
    const { clock } = this.#parts
    const limitMs = STALL.ms + STALL.perDepthMs * this.#options.depth
    clock.after(this.#fedAt + limitMs - clock.now(), () => {
      if (this.#isEnded || this.child.machine.death !== undefined) return
      if (this.isFlowing) this.#fedAt = clock.now()
      // A millisecond is more than rounding makes of it.
      if (clock.now() - this.#fedAt < limitMs - 1) this.#watch()
      else this.end('stalled')
    })
  }
}
