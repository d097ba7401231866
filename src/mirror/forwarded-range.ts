import { parseRange } from '../http/range.ts'

/** Stands for a size that only a peer can tell; no blob is that large. */
const UNKNOWN_SIZE = Number.MAX_SAFE_INTEGER

/**
 * The `Range` header to ask peers with for a client's; undefined where the whole blob is to be sent. That is also the
 * answer to `bytes=0-`: containerd 2.1 then stops splitting the layer into parallel ranges, of which each could fail the
 * whole pull.
 */
export function forwardedRange(header: string | undefined): string | undefined {
  const range = parseRange(header, UNKNOWN_SIZE)
  if (range.kind === 'full') return undefined
  return range.kind === 'range' && range.start === 0 && range.end === UNKNOWN_SIZE - 1 ? undefined : header
}
