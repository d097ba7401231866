import type { Log } from '../../observability/log.ts'

/** Work that nobody waits for: it has an owner, which ends it, and its failures are logged. */
export class Background implements AsyncDisposable {
  readonly #log: Log
  readonly #controller = new AbortController()
  readonly #tasks = new Set<Promise<void>>()

  constructor(log: Log) {
    this.#log = log
  }

  /** Aborts when the work has to end. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Starts `task`. It has to end soon after its signal aborts; what it throws then is ignored. */
  run(name: string, task: (signal: AbortSignal) => Promise<void>): void {
    if (this.signal.aborted) return
    const running = task(this.signal)
      .catch((error: unknown) => {
        if (!this.signal.aborted) this.#log.error('background task failed', { task: name, error })
      })
      .finally(() => this.#tasks.delete(running))
    this.#tasks.add(running)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#controller.abort()
    while (this.#tasks.size > 0) await Promise.all(this.#tasks)
  }
}
