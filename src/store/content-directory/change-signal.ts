/** Lets those who wait know that something may have changed. What is told while nobody waits is kept for the next wait. */
export class ChangeSignal {
  #told = false
  readonly #wakes = new Set<() => void>()

  /** Whether something was told since the last call of {@link clear}. */
  get told(): boolean {
    return this.#told
  }

  tell(): void {
    this.#told = true
    for (const wake of this.#wakes) wake()
  }

  /** Forgets what was told; before looking at what may have changed, never after. */
  clear(): void {
    this.#told = false
  }

  /** Waits until something is told, but not longer than `timeoutMs`. */
  async wait({ signal, timeoutMs }: { signal: AbortSignal; timeoutMs: number }): Promise<'told' | 'timeout'> {
    signal.throwIfAborted()
    if (this.#told) return 'told'
    const { promise, resolve, reject } = Promise.withResolvers<'told' | 'timeout'>()
    const timer = setTimeout(() => resolve('timeout'), timeoutMs)
    const abort = (): void => reject(signal.reason)
    const wake = (): void => resolve('told')
    signal.addEventListener('abort', abort, { once: true })
    this.#wakes.add(wake)
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
      this.#wakes.delete(wake)
    }
  }
}
