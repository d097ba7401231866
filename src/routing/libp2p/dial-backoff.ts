import type { Clock } from '../clock.ts'

const FIRST_MS = 1000
const LONGEST_MS = 60_000
/** Peers remembered; the oldest is forgotten first. */
const MAX_PEERS = 1024

interface Failure {
  readonly delayMs: number
  readonly until: number
}

/** Remembers who could not be reached, so that a dead peer that others still name is not dialled for every lookup. */
export class DialBackoff {
  readonly #clock: Pick<Clock, 'now'>
  readonly #failures = new Map<string, Failure>()

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  /** Whether `id` failed so recently that it should be left alone. */
  blocks(id: string): boolean {
    const failure = this.#failures.get(id)
    return failure !== undefined && this.#clock.now() < failure.until
  }

  /** Blocks `id`, for twice as long each time. */
  failed(id: string): void {
    const previous = this.#failures.get(id)
    const delayMs = previous === undefined ? FIRST_MS : Math.min(2 * previous.delayMs, LONGEST_MS)
    this.#failures.delete(id)
    for (const oldest of this.#failures.keys()) {
      if (this.#failures.size < MAX_PEERS) break
      this.#failures.delete(oldest)
    }
    this.#failures.set(id, { delayMs, until: this.#clock.now() + delayMs })
  }

  /** `id` is alive. */
  clear(id: string): void {
    this.#failures.delete(id)
  }
}
