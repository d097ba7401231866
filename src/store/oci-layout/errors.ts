import type { Digest } from '../../oci/digest.ts'

/** An image layout on disk that can't be read or written as it is. */
export class LayoutError extends Error {
  readonly code = 'LAYOUT'

  /** @param path the file or directory at fault */
  constructor(path: string, reason: string, options?: ErrorOptions) {
    super(`${path}: ${reason}`, options)
    this.name = 'LayoutError'
  }
}

/** Content that arrived is not what its digest promised. */
export class DigestMismatchError extends Error {
  readonly code = 'DIGEST_MISMATCH'

  constructor(expected: Digest, actual: Digest) {
    super(`content of ${expected} hashes to ${actual}`)
    this.name = 'DigestMismatchError'
  }
}

/** Content that arrived is longer or shorter than it was said to be. */
export class SizeMismatchError extends Error {
  readonly code = 'SIZE_MISMATCH'

  constructor(digest: Digest, expectedBytes: number, actualBytes: number) {
    super(`content of ${digest} has ${actualBytes} bytes instead of ${expectedBytes}`)
    this.name = 'SizeMismatchError'
  }
}
