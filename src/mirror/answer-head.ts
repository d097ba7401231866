import type { IncomingHttpHeaders } from 'node:http'
import type { PeerResponse } from '../http/peer-client.ts'
import { parseRange } from '../http/range.ts'
import { type Digest, isDigest } from '../oci/digest.ts'
import { isMediaType, MAX_MANIFEST_BYTES } from '../oci/media-type.ts'
import type { Reference } from '../oci/reference.ts'
import { PeerMismatchError, PeerStatusError } from './errors.ts'

/** A part of a blob, or all of it; `end` is the position after its last byte. */
export interface BlobSpan {
  readonly start: number
  readonly end: number
  /** Size of the whole blob. */
  readonly total: number
}

/** What an answer to a request for a blob brings. */
export type BlobHead =
  | { readonly kind: 'body'; readonly span: BlobSpan }
  /** The range asked for lies outside of the blob. */
  | { readonly kind: 'unsatisfiable'; readonly total: number }

/** What an answer to a request for a manifest brings. */
export interface ManifestHead {
  readonly digest: Digest
  readonly mediaType: string
  readonly size: number
}

/** Fifteen digits are exact in a double; no blob needs more. */
const SIZE = /^[0-9]{1,15}$/
const CONTENT_RANGE = /^bytes (?<first>[0-9]{1,15})-(?<last>[0-9]{1,15})\/(?<total>[0-9]{1,15})$/
const UNSATISFIED_RANGE = /^bytes \*\/(?<total>[0-9]{1,15})$/

/**
 * Checks the head of an answer to a request for `digest`, whole or with the client's `range`.
 * @throws {PeerStatusError | PeerMismatchError} where it is not good
 */
export function checkBlob(response: PeerResponse, asked: { digest: Digest; range: string | undefined }): BlobHead {
  const { status, headers } = response
  if (asked.range === undefined) {
    checkHead(response, { status: 200, digest: asked.digest })
    const total = contentLength(headers)
    return { kind: 'body', span: { start: 0, end: total, total } }
  }
  if (status === 416) {
    const total = Number(UNSATISFIED_RANGE.exec(headers['content-range'] ?? '')?.groups?.['total'])
    if (parseRange(asked.range, total).kind !== 'unsatisfiable') throw new PeerMismatchError('416 for a good range')
    return { kind: 'unsatisfiable', total }
  }
  const span = checkPart(response, asked.digest)
  const wanted = parseRange(asked.range, span.total)
  if (wanted.kind !== 'range' || wanted.start !== span.start || wanted.end !== span.end - 1) {
    throw new PeerMismatchError('another range')
  }
  return { kind: 'body', span }
}

/**
 * Checks the head of an answer to a request for the rest of a blob, of which the size is known already.
 * @throws {PeerStatusError | PeerMismatchError} where it is not good
 */
export function checkRest(response: PeerResponse, asked: { digest: Digest; rest: BlobSpan }): void {
  const { rest } = asked
  const { start, end, total } = checkPart(response, asked.digest)
  if (total !== rest.total) throw new PeerMismatchError(`size ${total} where another peer has ${rest.total}`)
  if (start !== rest.start || end !== rest.end) throw new PeerMismatchError('another range')
}

/**
 * Checks the head of an answer that should carry, or describe, the manifest of `reference`.
 * @throws {PeerStatusError | PeerMismatchError} where it is not good
 */
export function checkManifest(response: PeerResponse, reference: Reference): ManifestHead {
  const wanted = reference.kind === 'digest' ? reference.digest : undefined
  const digest = checkHead(response, { status: 200, digest: wanted }) ?? wanted
  if (digest === undefined) throw new PeerMismatchError('no digest for a tag')
  const mediaType = response.headers['content-type']
  if (mediaType === undefined || !isMediaType(mediaType)) throw new PeerMismatchError('no media type')
  const size = contentLength(response.headers)
  if (size > MAX_MANIFEST_BYTES) throw new PeerMismatchError(`a manifest of ${size} bytes`)
  return { digest, mediaType, size }
}

function checkPart(response: PeerResponse, digest: Digest): BlobSpan {
  checkHead(response, { status: 206, digest })
  const { headers } = response
  const { first, last, total } = CONTENT_RANGE.exec(headers['content-range'] ?? '')?.groups ?? {}
  const span = { start: Number(first), end: Number(last) + 1, total: Number(total) }
  // Comparisons with NaN are false, so a header that is missing or malformed fails as well.
  const valid = span.start < span.end && span.end <= span.total
  if (!valid) throw new PeerMismatchError('no valid content range')
  if (contentLength(headers) !== span.end - span.start) {
    throw new PeerMismatchError('content length and content range differ')
  }
  return span
}

/**
 * Checks what all good answers have in common.
 * @returns the digest header; a peer need not send it for content asked for by digest, but must not send another one
 */
function checkHead(
  { status, headers }: PeerResponse,
  wanted: { status: number; digest: Digest | undefined },
): Digest | undefined {
  if (status !== wanted.status) throw new PeerStatusError(status)
  if (headers['content-encoding'] !== undefined) throw new PeerMismatchError('a content encoding')
  const digest = headers['docker-content-digest']
  if (digest === undefined) return undefined
  if (typeof digest !== 'string' || !isDigest(digest)) throw new PeerMismatchError('an invalid digest')
  if (wanted.digest !== undefined && digest !== wanted.digest) throw new PeerMismatchError(`digest ${digest}`)
  return digest
}

function contentLength(headers: IncomingHttpHeaders): number {
  const text = headers['content-length'] ?? ''
  if (!SIZE.test(text)) throw new PeerMismatchError('no valid content length')
  return Number(text)
}
