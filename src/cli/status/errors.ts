/** The node can't be asked; the message says why. */
export class StatusError extends Error {
  readonly code = 'STATUS'

  constructor(url: string, reason: string, options?: ErrorOptions) {
    super(`${url}: ${reason}`, options)
    this.name = 'StatusError'
  }
}
