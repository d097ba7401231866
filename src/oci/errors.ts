/** How much of a hostile or mistaken input an error message repeats. */
const QUOTED_CHARACTERS = 128

/** `text` as JSON, cut to what a log line or an error body should carry. */
export function quote(text: string): string {
  return JSON.stringify(text.length > QUOTED_CHARACTERS ? `${text.slice(0, QUOTED_CHARACTERS)}…` : text)
}

/** Text that is no digest was given where one is needed. */
export class InvalidDigestError extends Error {
  readonly code = 'DIGEST_INVALID'

  constructor(text: string) {
    super(`invalid digest ${quote(text)}: want sha256:<64 hex> or sha512:<128 hex>`)
    this.name = 'InvalidDigestError'
  }
}

/** Text that names no image, repository or tag was given where one is needed. */
export class InvalidReferenceError extends Error {
  readonly code = 'REFERENCE_INVALID'

  constructor(text: string, expected: string) {
    super(`invalid reference ${quote(text)}: want ${expected}`)
    this.name = 'InvalidReferenceError'
  }
}

/** Content that claims to be a manifest or an index and is none, or is too large to be one. */
export class InvalidManifestError extends Error {
  readonly code = 'MANIFEST_INVALID'

  constructor(reason: string, options?: ErrorOptions) {
    super(`invalid manifest: ${reason}`, options)
    this.name = 'InvalidManifestError'
  }
}

/** Text that names no platform was given where one is needed. */
export class InvalidPlatformError extends Error {
  readonly code = 'PLATFORM_INVALID'

  constructor(text: string) {
    super(`invalid platform ${quote(text)}: want os/architecture or os/architecture/variant`)
    this.name = 'InvalidPlatformError'
  }
}

/** Text that is no registry URL was given where one is needed. */
export class InvalidRegistryUrlError extends Error {
  readonly code = 'REGISTRY_URL_INVALID'

  constructor(text: string) {
    super(
      `invalid registry URL ${quote(text)}: want http:// or https:// and a registry host, without path, query or user`,
    )
    this.name = 'InvalidRegistryUrlError'
  }
}

/** A registry filter is not a regular expression that this mirror understands. */
export class InvalidFilterError extends Error {
  readonly code = 'FILTER_INVALID'

  constructor(pattern: string, reason: string, options?: ErrorOptions) {
    super(`invalid registry filter ${quote(pattern)}: ${reason}`, options)
    this.name = 'InvalidFilterError'
  }
}
