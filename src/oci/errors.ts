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
