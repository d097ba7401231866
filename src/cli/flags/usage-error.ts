/** The command line or the environment asks for something that cannot be done; the message is one line. */
export class UsageError extends Error {
  readonly code = 'USAGE'

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'UsageError'
  }
}
