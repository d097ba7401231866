/** A file or directory of content that is there but can't be read. */
export class ContentFileError extends Error {
  readonly code = 'CONTENT_FILE'

  /** @param path the file or directory at fault */
  constructor(path: string, reason: string, options?: ErrorOptions) {
    super(`${path}: ${reason}`, options)
    this.name = 'ContentFileError'
  }
}
