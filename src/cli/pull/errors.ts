import type { Digest } from '../../oci/digest.ts'
import { formatPlatform, type Platform } from '../../oci/platform.ts'

/** One host did not deliver; another may. */
export class HostError extends Error {
  readonly code = 'PULL_HOST'
  /** Host and port that were asked. */
  readonly host: string
  /** HTTP status of the answer, if there was one. */
  readonly status: number | undefined

  constructor(host: string, reason: string, options: ErrorOptions & { readonly status?: number } = {}) {
    super(`${host}: ${reason}`, 'cause' in options ? { cause: options.cause } : undefined)
    this.name = 'HostError'
    this.host = host
    this.status = options.status
  }
}

/** No host delivers what is needed. */
export class UnavailableError extends Error {
  readonly code = 'PULL_UNAVAILABLE'
  /** Why each host did not, in the order they were asked. */
  readonly failures: readonly HostError[]

  /** @param what the reference or digest */
  constructor(what: string, failures: readonly HostError[]) {
    super(`${what} is not to be had (${failures.map(failure => failure.message).join('; ')})`, {
      cause: failures.at(-1),
    })
    this.name = 'UnavailableError'
    this.failures = failures
  }
}

/** A download broke off again and again without getting further. What arrived stays staged. */
export class BrokenOffError extends Error {
  readonly code = 'PULL_BROKEN_OFF'

  constructor(digest: Digest, tries: number, options: ErrorOptions) {
    super(`${digest} broke off ${tries} times without getting further`, options)
    this.name = 'BrokenOffError'
  }
}

/** The image exists, but not for the platform that was asked for. */
export class PlatformUnavailableError extends Error {
  readonly code = 'PULL_PLATFORM'

  constructor(what: string, platform: Platform) {
    super(`${what} has no image for ${formatPlatform(platform)}`)
    this.name = 'PlatformUnavailableError'
  }
}
