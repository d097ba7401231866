import type { Digest } from './digest.ts'

/**
 * What is known of a piece of content without reading it.
 * @see https://github.com/opencontainers/image-spec/blob/main/descriptor.md
 */
export interface Descriptor {
  readonly digest: Digest
  /** Exact size in bytes. */
  readonly size: number
  readonly mediaType: string
}
