import type { Digest } from '../oci/digest.ts'

/** What the store holds under a digest is not what the digest says: a damaged disk, or worse. */
export class CorruptContentError extends Error {
  readonly code = 'CONTENT_CORRUPT'

  constructor(digest: Digest) {
    super(`content of ${digest} in the store does not match its digest`)
    this.name = 'CorruptContentError'
  }
}

/** A file could not be hashed; nothing is known of its content. */
export class FileHashError extends Error {
  readonly code = 'FILE_HASH'

  constructor(reason: string, options?: ErrorOptions) {
    super(`file cannot be hashed: ${reason}`, options)
    this.name = 'FileHashError'
  }
}
