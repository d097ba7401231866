import type { Digest } from '../oci/digest.ts'
import type { BlobSpan } from './answer-head.ts'

/** What every successful response says of the content it carries, describes or carries a part of. */
export interface ContentFacts {
  readonly digest: Digest
  readonly mediaType: string
  /** Bytes of this response's body, or for HEAD of the body a GET would have. */
  readonly length: number
  /** The registry that the content was asked for from. */
  readonly registry: string
  /** Manifests are sent whole whatever range is asked for. */
  readonly acceptRanges: 'bytes' | 'none'
  /** Who served it: `store`, or a peer's `host:port`. Told to local clients, not to peers. */
  readonly source?: string | undefined
  /** The part that the body carries, if it is not the whole. */
  readonly part?: BlobSpan | undefined
}

/** Response headers of content. */
export function contentHeaders(facts: ContentFacts): Record<string, string | number> {
  const { part, source } = facts
  return {
    'content-type': facts.mediaType,
    'content-length': facts.length,
    'docker-content-digest': facts.digest,
    'accept-ranges': facts.acceptRanges,
    'oci-namespace': facts.registry,
    ...(source === undefined ? {} : { 'x-spegel-source': source }),
    ...(part === undefined ? {} : { 'content-range': `bytes ${part.start}-${part.end - 1}/${part.total}` }),
  }
}
