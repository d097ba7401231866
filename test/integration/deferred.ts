/** A promise that is settled from outside. Unlike `Promise.withResolvers`, a rejection that nobody awaits is no crash. */
export class Deferred<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
  readonly reject: (error: Error) => void

  constructor() {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    promise.catch(() => {
      // Whoever awaits the promise sees the rejection.
    })
    this.promise = promise
    this.resolve = resolve
    this.reject = reject
  }
}
