/** A claim, or an answer to one, that is not as it should be. */
export class InvalidClaimError extends Error {
  readonly code = 'INVALID_CLAIM'

  /** @param field what is missing or wrong */
  constructor(field: string, options?: ErrorOptions) {
    super(`invalid claim: ${field}`, options)
    this.name = 'InvalidClaimError'
  }
}

/** A node that takes no claims: an older one, Go Spegel, or one that is told not to coalesce. */
export class ClaimUnsupportedError extends Error {
  readonly code = 'CLAIM_UNSUPPORTED'

  constructor(peer: string) {
    super(`${peer} takes no claims`)
    this.name = 'ClaimUnsupportedError'
  }
}

/** Content that was being written will not be completed. */
export class ContentGivenUpError extends Error {
  readonly code = 'CONTENT_GIVEN_UP'

  /** @param position how far it was read, of `size` bytes */
  constructor(position: number, size: number) {
    super(`content being written was given up at ${position} of ${size} bytes`)
    this.name = 'ContentGivenUpError'
  }
}
