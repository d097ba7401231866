import { getSystemErrorMessage } from 'node:util'

/** A `hosts.toml` is not one. */
export class HostsFileError extends Error {
  readonly code = 'HOSTS_FILE'

  constructor(reason: string, options?: ErrorOptions) {
    super(`not a hosts.toml: ${reason}`, options)
    this.name = 'HostsFileError'
  }
}

/** A directory that should hold containerd's registry configuration holds what can't be backed up. */
export class UnfitDirectoryError extends Error {
  readonly code = 'CONFIG_DIRECTORY_UNFIT'

  constructor(directory: string, reason: string) {
    super(`${directory} is left as it is: ${reason}`)
    this.name = 'UnfitDirectoryError'
  }
}

/**
 * The configuration directory could not be changed. Each registry has its old configuration or its new one, and the next
 * run goes on from there.
 */
export class ConfigDirectoryError extends Error {
  readonly code = 'CONFIG_DIRECTORY'

  constructor(directory: string, cause: NodeJS.ErrnoException) {
    const reason = cause.errno === undefined ? cause.message : getSystemErrorMessage(cause.errno)
    const place = cause.path ?? directory
    super(`cannot change ${directory}: ${reason} (${place}); every registry has its old configuration or its new one`, {
      cause,
    })
    this.name = 'ConfigDirectoryError'
  }
}
