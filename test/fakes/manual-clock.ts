/** A monotonic clock that a test moves. */
export class ManualClock {
  #ms = 0

  /** Milliseconds since the clock was made; may be passed around on its own. */
  readonly now = (): number => this.#ms

  advance(ms: number): void {
    this.#ms += ms
  }
}
