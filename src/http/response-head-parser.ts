import type { IncomingHttpHeaders } from 'node:http'
import { ResponseHeadError } from './errors.ts'

/** Longest head, the empty line included. */
const MAX_HEAD_BYTES = 16 * 1024

/** Most header fields of one head. */
const MAX_FIELDS = 100

const END = Buffer.from('\r\n\r\n')

/** No informational status: nobody asked for one, and none of them ends a request. */
const STATUS_LINE = /^HTTP\/1\.1 (?<status>[2-9][0-9]{2})(?: [\t\x20-\x7e]*)?$/
const FIELD_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const FIELD_VALUE = /^[\t\x20-\x7e]*$/

/** Fifteen digits are exact in a double; no blob needs more. */
const CONTENT_LENGTH = /^[0-9]{1,15}$/

/** Statuses whose responses end with their head. */
const WITHOUT_BODY: ReadonlySet<number> = new Set([204, 304])

/** Headers after which the bytes that follow would not be those of the content, or not as many as it has. */
const REFUSED: ReadonlySet<string> = new Set(['transfer-encoding', 'content-encoding'])

/** The head of a response. */
export interface ResponseHeadFacts {
  readonly status: number
  /** Names in lower case; values of a repeated name are joined by a comma. */
  readonly headers: IncomingHttpHeaders
  /** Length of the body that follows. */
  readonly bodyBytes: number
  /** Whether another response may follow on the connection. */
  readonly keepsConnection: boolean
}

/** A complete head, and what came after it. */
export interface ParsedHead {
  readonly head: ResponseHeadFacts
  /** A part of the bytes that were pushed last. */
  readonly rest: Buffer
}

/**
 * Parses the head of a response as it comes. Knows HTTP/1.1 with a Content-Length and nothing else: whatever could
 * be understood in more than one way is refused. How the bytes are cut into pieces makes no difference.
 */
export class ResponseHeadParser {
  readonly #isHead: boolean
  #seen: Buffer | undefined
  #length = 0

  /** @param options.isHead whether the response is to HEAD, and ends with its head; default: false */
  constructor({ isHead = false }: { readonly isHead?: boolean } = {}) {
    this.#isHead = isHead
  }

  /**
   * Takes the next bytes, which may be overwritten afterwards.
   * @returns undefined while the head is incomplete
   * @throws {ResponseHeadError} where it is not one that this parser knows
   */
  push(bytes: Buffer): ParsedHead | undefined {
    const before = this.#length
    const added = bytes.subarray(0, MAX_HEAD_BYTES - before)
    const seen = before === 0 ? added : this.#remember(added)
    const end = seen.indexOf(END, Math.max(0, before - END.length + 1))
    if (end >= 0) {
      const head = parseHead(seen.toString('latin1', 0, end), this.#isHead)
      return { head, rest: bytes.subarray(end + END.length - before) }
    }
    if (seen.length === MAX_HEAD_BYTES) throw new ResponseHeadError(`a head of more than ${MAX_HEAD_BYTES} bytes`)
    if (before === 0) this.#remember(added)
    return undefined
  }

  #remember(bytes: Buffer): Buffer {
    this.#seen ??= Buffer.allocUnsafe(MAX_HEAD_BYTES)
    this.#length += bytes.copy(this.#seen, this.#length)
    return this.#seen.subarray(0, this.#length)
  }
}

function parseHead(text: string, isHead: boolean): ResponseHeadFacts {
  const [statusLine = '', ...lines] = text.split('\r\n')
  const status = Number(STATUS_LINE.exec(statusLine)?.groups?.['status'] ?? 0)
  if (status === 0) throw new ResponseHeadError('not a final status of HTTP/1.1')
  if (lines.length > MAX_FIELDS) throw new ResponseHeadError(`more than ${MAX_FIELDS} header fields`)
  const fields = new Map<string, string>()
  for (const line of lines) addField(fields, line)
  const connection = fields.get('connection')?.toLowerCase().split(',') ?? []
  return {
    status,
    headers: Object.fromEntries(fields),
    bodyBytes: isHead || WITHOUT_BODY.has(status) ? 0 : contentLength(fields),
    keepsConnection: !connection.some(option => option.trim() === 'close'),
  }
}

function addField(fields: Map<string, string>, line: string): void {
  const colon = line.indexOf(':')
  const name = line.slice(0, Math.max(0, colon)).toLowerCase()
  const value = line.slice(colon + 1)
  if (!FIELD_NAME.test(name) || !FIELD_VALUE.test(value)) throw new ResponseHeadError('a malformed header field')
  if (REFUSED.has(name)) throw new ResponseHeadError(`${name} ${value.trim()}`)
  const earlier = fields.get(name)
  if (earlier !== undefined && name === 'content-length') throw new ResponseHeadError('more than one content-length')
  fields.set(name, earlier === undefined ? value.trim() : `${earlier}, ${value.trim()}`)
}

function contentLength(fields: ReadonlyMap<string, string>): number {
  const text = fields.get('content-length')
  if (text === undefined) throw new ResponseHeadError('no content-length')
  if (!CONTENT_LENGTH.test(text)) throw new ResponseHeadError('an invalid content-length')
  return Number(text)
}
