/**
 * How long the bodies that come at full speed may keep the event loop from all else. A turn of it is a little longer: each
 * body may take one more buffer.
 */
const TURN_MS = 5

export interface TurnBudgetOptions {
  /** Default: 5. */
  readonly turnMs?: number
  /** Milliseconds of a monotonic clock. Default: the process's. */
  readonly now?: () => number
}

/**
 * Bounds what is read in one turn of the event loop. libuv reads a socket that is always ready up to 32 times before it
 * looks at anything else, and does so for each of them: with large buffers that is many megabytes.
 */
export class TurnBudget {
  readonly #turnMs: number
  readonly #now: () => number
  /** When what is left of this turn is for others; undefined: nothing was read in it. */
  #endsAt: number | undefined

  constructor({ turnMs = TURN_MS, now = () => performance.now() }: TurnBudgetOptions = {}) {
    this.#turnMs = turnMs
    this.#now = now
  }

  /** Calls `resume` in this turn if there is time left in it, else in the next one. */
  whenDue(resume: () => void): void {
    const now = this.#now()
    if (this.#endsAt === undefined) {
      this.#endsAt = now + this.#turnMs
      setImmediate(this.#begin)
    }
    if (now < this.#endsAt) resume()
    else setImmediate(resume)
  }

  readonly #begin = (): void => {
    this.#endsAt = undefined
  }
}
