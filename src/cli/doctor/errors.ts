/** Checks failed; the report says which. */
export class ChecksFailedError extends Error {
  readonly code = 'CHECKS_FAILED'

  constructor(failures: number) {
    super(failures === 1 ? '1 check failed' : `${failures} checks failed`)
    this.name = 'ChecksFailedError'
  }
}

/** A configuration file can't be read or understood; the message says which and why. */
export class ConfigFileError extends Error {
  readonly code = 'CONFIG_FILE'

  constructor(file: string, reason: string, options?: ErrorOptions) {
    super(`${file}: ${reason}`, options)
    this.name = 'ConfigFileError'
  }
}
