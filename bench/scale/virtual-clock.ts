import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../../src/routing/clock.ts'

/** Everything happens at full seconds. */
const STEP_MS = 1000
/** What happens in a step takes some turns of the event loop: long work lets other work have its turn. */
const TURNS = 10

/** Time that passes as fast as what happens in it can be computed. */
export class VirtualClock implements Clock {
  readonly #due = new Map<number, (() => void)[]>()
  #ms = 0

  now(): number {
    return this.#ms
  }

  /** Unlike the real clock's, a sleep is not cut short. */
  sleep(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.after(ms, resolve)
    return promise
  }

  /** Has `happen` called after `ms`, rounded up to the next step. */
  after(ms: number, happen: () => void): void {
    const at = Math.max(this.#ms + STEP_MS, Math.ceil((this.#ms + ms) / STEP_MS) * STEP_MS)
    const due = this.#due.get(at)
    if (due === undefined) this.#due.set(at, [happen])
    else due.push(happen)
  }

  /** Lets `ms` pass. */
  async pass(ms: number): Promise<void> {
    const end = this.#ms + ms
    while (this.#ms < end) {
      this.#ms += STEP_MS
      const due = this.#due.get(this.#ms) ?? []
      this.#due.delete(this.#ms)
      for (const happen of due) happen()
      for (let turn = 0; turn < TURNS; turn++) await setImmediate()
    }
  }
}
