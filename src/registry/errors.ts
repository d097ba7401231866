import type { Digest } from '../oci/digest.ts'

/** What the store holds under a digest is not what the digest says: a damaged disk, or worse. */
export class CorruptContentError extends Error {
  readonly code = 'CONTENT_CORRUPT'

  constructor(digest: Digest) {
    super(`content of ${digest} in the store does not match its digest`)
    this.name = 'CorruptContentError'
  }
}
