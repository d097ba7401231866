/** What a `Range` header asks for of a representation of known size. `start` and `end` are inclusive byte positions. */
export type ByteRange =
  | { readonly kind: 'full' }
  | { readonly kind: 'range'; readonly start: number; readonly end: number }
  | { readonly kind: 'unsatisfiable' }

/** `bytes=N-M`, `bytes=N-` or `bytes=-N`; RFC 9110 allows blanks around list elements. */
const SINGLE_RANGE = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i

/**
 * Reads a `Range` header for a representation of `size` bytes. What is not a single, well-formed byte range is ignored,
 * as the specification allows: the answer is then `full`. So is any range of an empty representation, because some
 * clients send `bytes=0-` with every request.
 * @see https://www.rfc-editor.org/rfc/rfc9110.html#section-14.1.2
 */
export function parseRange(header: string | undefined, size: number): ByteRange {
  const [matched, first = '', last = ''] = SINGLE_RANGE.exec(header ?? '') ?? []
  if (matched === undefined || (first === '' && last === '') || size === 0) return { kind: 'full' }
  if (first === '') {
    const length = Number(last)
    if (length === 0) return { kind: 'unsatisfiable' }
    return { kind: 'range', start: Math.max(0, size - length), end: size - 1 }
  }
  const start = Number(first)
  if (last !== '' && Number(last) < start) return { kind: 'full' }
  if (start >= size) return { kind: 'unsatisfiable' }
  return { kind: 'range', start, end: last === '' ? size - 1 : Math.min(Number(last), size - 1) }
}
