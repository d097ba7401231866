/** Lets one waiter know that something may have changed. What is told while nobody waits is kept for the next wait. */
export class ChangeSignal {
  #told = false
  #wake: (() => void) | undefined

  tell(): void {
    this.#told = true
    this.#wake?.()
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
    signal.addEventListener('abort', abort, { once: true })
    this.#wake = () => resolve('told')
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
      this.#wake = undefined
    }
  }
}
