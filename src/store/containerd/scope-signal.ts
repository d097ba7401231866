/** A signal that aborts when its parent does, and at the end of a scope. */
export class ScopeSignal implements Disposable {
  readonly signal: AbortSignal
  readonly #end = new AbortController()

  constructor(parent: AbortSignal) {
    this.signal = AbortSignal.any([parent, this.#end.signal])
  }

  [Symbol.dispose](): void {
    this.#end.abort()
  }
}
