/** A measurement that can't go on; the message says why, to the person who asked for it. */
export class MeasureError extends Error {
  readonly code = 'MEASURE'

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'MeasureError'
  }
}
