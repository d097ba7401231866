import type { Clock } from '../../src/routing/clock.ts'
import { ManualClock } from './manual-clock.ts'

interface Sleeper {
  readonly until: number
  readonly wake: () => void
}

/** A clock that a test moves, and that wakes those who sleep by it. */
export class ManualTime extends ManualClock implements Clock {
  readonly #sleepers = new Set<Sleeper>()

  /** How long each sleeper still sleeps, in milliseconds, shortest first. */
  get sleeps(): readonly number[] {
    return [...this.#sleepers].map(({ until }) => until - this.now()).toSorted((a, b) => a - b)
  }

  sleep(ms: number, { signal }: { readonly signal: AbortSignal }): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    if (signal.aborted || ms <= 0) return Promise.resolve()
    const sleeper = {
      until: this.now() + ms,
      wake: () => {
        this.#sleepers.delete(sleeper)
        resolve()
      },
    }
    this.#sleepers.add(sleeper)
    signal.addEventListener('abort', sleeper.wake, { once: true })
    return promise
  }

  override advance(ms: number): void {
    super.advance(ms)
    for (const sleeper of this.#sleepers) if (sleeper.until <= this.now()) sleeper.wake()
  }
}
