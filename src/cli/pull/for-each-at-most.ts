/**
 * Runs `work` for every item, `limit` of them at a time. The first failure aborts the others, which are waited for, and is
 * thrown.
 */
export async function forEachAtMost<T>(
  limit: number,
  items: Iterable<T>,
  options: { readonly signal: AbortSignal; readonly work: (item: T, signal: AbortSignal) => Promise<void> },
): Promise<void> {
  const failed = new AbortController()
  const signal = AbortSignal.any([options.signal, failed.signal])
  const queue = Iterator.from(items)
  const worker = async (): Promise<void> => {
    try {
      for (let next = queue.next(); next.done !== true; next = queue.next()) {
        signal.throwIfAborted()
        await options.work(next.value, signal)
      }
    } catch (error) {
      failed.abort(error)
    }
  }
  await Promise.all(Array.from({ length: limit }, worker))
  signal.throwIfAborted()
}
