/** Path and query of a request. */
export interface RequestTarget {
  /** As sent, still percent-encoded. */
  readonly path: string
  readonly query: URLSearchParams
}

/** Scheme and authority of the absolute form, which clients send to a proxy. */
const AUTHORITY = /^https?:\/\/[^/?#]*/i

/**
 * Splits a request target in origin form (`/path?query`) or absolute form (`http://host/path?query`); a server must
 * accept both. Of any other form the whole is the path, which no route matches.
 * @see https://www.rfc-editor.org/rfc/rfc9112.html#section-3.2
 */
export function parseRequestTarget(target: string): RequestTarget {
  const origin = target.replace(AUTHORITY, '')
  const mark = origin.indexOf('?')
  const path = mark === -1 ? origin : origin.slice(0, mark)
  return { path: path === '' ? '/' : path, query: new URLSearchParams(mark === -1 ? '' : origin.slice(mark)) }
}
