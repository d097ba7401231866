/**
 * A signal that aborts when `stop` does, or `ms` from now. Dispose of it: unlike `AbortSignal.any` and
 * `AbortSignal.timeout` it then leaves nothing to do or to collect later on, which tells where there are many.
 */
export class Deadline implements Disposable {
  readonly #controller = new AbortController()
  readonly #stop: AbortSignal
  readonly #timer: NodeJS.Timeout
  readonly #abort = (): void => this.#controller.abort(this.#stop.reason)

  constructor(stop: AbortSignal, ms: number) {
    this.#stop = stop
    this.#timer = setTimeout(
      () => this.#controller.abort(new DOMException('took too long', 'TimeoutError')),
      ms,
    ).unref()
    if (stop.aborted) this.#abort()
    else stop.addEventListener('abort', this.#abort, { once: true })
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
    this.#stop.removeEventListener('abort', this.#abort)
  }
}
