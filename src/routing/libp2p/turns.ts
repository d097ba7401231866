/** Limits how many of something go on at once; others wait for their turn, in order. */
export class Turns {
  readonly #limit: number
  /** As many as its callers' own limits allow. */
  readonly #waiting: (() => void)[] = []
  #taken = 0

  constructor(options: { readonly limit: number }) {
    this.#limit = options.limit
  }

  /** Resolves when it is the caller's turn; dispose of the result when it is over. */
  async take(): Promise<Disposable> {
    if (this.#taken < this.#limit) this.#taken++
    else await new Promise<void>(resolve => void this.#waiting.push(resolve))
    return { [Symbol.dispose]: () => this.#pass() }
  }

  /** Hands the turn to the next one. */
  #pass(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#taken--
    else next()
  }
}
