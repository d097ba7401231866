/** Limits how many of something go on at once. Nobody queues: whoever finds no slot has others to ask. */
export class Slots {
  readonly #limit: number
  #taken = 0

  constructor(options: { readonly limit: number }) {
    this.#limit = options.limit
  }

  /** Takes a slot, to be given back by disposing of it; undefined where none is free. */
  take(): Disposable | undefined {
    if (this.#taken >= this.#limit) return undefined
    this.#taken += 1
    return {
      [Symbol.dispose]: () => {
        this.#taken -= 1
      },
    }
  }
}
