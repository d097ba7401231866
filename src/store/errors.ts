/** The content or tag is not in the store: a miss, not a failure. */
export class ContentNotFoundError extends Error {
  readonly code = 'CONTENT_NOT_FOUND'

  /** @param what the digest or reference that was asked for */
  constructor(what: string, options?: ErrorOptions) {
    super(`${what} is not in the store`, options)
    this.name = 'ContentNotFoundError'
  }
}
