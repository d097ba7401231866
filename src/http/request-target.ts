/** Path and query of a request. */
export interface RequestTarget {
  /** As sent, still percent-encoded. */
  readonly path: string
  readonly query: URLSearchParams
}

/** How much of a request target a log line repeats. */
const LOGGED_CHARACTERS = 256
/** Says which registry is meant, and no secrets. */
const LOGGED_PARAMETER = 'ns'

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

/**
 * What of a request target goes to the log, at most 256 characters. The rest is what credentials are put in by clients that
 * take this for a proxy or an upload: an authority, a query.
 */
export function loggedTarget({ path, query }: RequestTarget): string {
  if (!path.startsWith('/')) return 'no path'
  const parameters = query.getAll(LOGGED_PARAMETER).map(value => `${LOGGED_PARAMETER}=${value}`)
  const text = parameters.length === 0 ? path : `${path}?${parameters.join('&')}`
  return text.slice(0, LOGGED_CHARACTERS)
}
