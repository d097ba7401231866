/** `promise`, given up as soon as `signal` aborts: then this rejects with the signal's reason. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason)
    const settle = async (): Promise<void> => {
      try {
        resolve(await promise)
      } catch (error) {
        reject(error)
      } finally {
        signal.removeEventListener('abort', abort)
      }
    }
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
    void settle()
  })
}
