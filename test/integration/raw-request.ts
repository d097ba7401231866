import { createHash } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import type { Ending } from '../http/raw-client.ts'
import { parseHead, type RawHead } from '../http/raw-head.ts'
import { Deferred } from './deferred.ts'

export interface RawResult extends RawHead {
  readonly bodyBytes: number
  /** sha256 of the body, as a digest. */
  readonly bodyDigest: string
  readonly body: string
  readonly ending: Ending
}

/** How much of a body is kept as text; error bodies are smaller. */
const KEPT_BODY_BYTES = 4096

/**
 * One request on a connection of its own, byte for byte as given; it tells FIN from RST, and stops reading when told.
 * Ask for `Connection: close`, so that the server ends the connection.
 */
export class RawRequest {
  readonly #socket: Socket
  readonly #head = new Deferred<RawHead>()
  readonly #result = new Deferred<RawResult>()
  readonly #hash = createHash('sha256')
  #received = Buffer.alloc(0)
  #parsed: RawHead | undefined
  #bodyBytes = 0
  #body = ''
  readonly #pausedAt = new Deferred<void>()
  #pauseAfterBytes = Number.POSITIVE_INFINITY

  constructor(url: string, request: string | Buffer) {
    const { hostname, port } = new URL(url)
    this.#socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
    this.#socket.write(request)
    this.#socket.on('data', (chunk: Buffer) => this.#take(chunk))
    this.#socket.on('end', () => {
      this.#finish('fin')
      this.#socket.destroy()
    })
    this.#socket.on('error', error => {
      if ('code' in error && error.code === 'ECONNRESET') this.#finish('reset')
      else this.#fail(error)
    })
  }

  /** A GET of `target` with `headers`, on a connection that the server closes. */
  static get(url: string, target: string, headers: Readonly<Record<string, string>> = {}): RawRequest {
    const lines = Object.entries({ Host: 'mirror', Connection: 'close', ...headers }).map(([k, v]) => `${k}: ${v}\r\n`)
    return new RawRequest(url, `GET ${target} HTTP/1.1\r\n${lines.join('')}\r\n`)
  }

  /** The response head, once it is there. */
  get head(): Promise<RawHead> {
    return this.#head.promise
  }

  /** All of it, once the server has ended the connection. */
  get result(): Promise<RawResult> {
    return this.#result.promise
  }

  /** Stops reading once `bytes` of the body are here; resolves then, and rejects where there are not so many. */
  async pauseAfter(bytes: number): Promise<void> {
    this.#pauseAfterBytes = bytes
    this.#pauseIfDue()
    await this.#pausedAt.promise
  }

  /** Reads on. */
  resume(): void {
    this.#pauseAfterBytes = Number.POSITIVE_INFINITY
    this.#socket.resume()
  }

  /** Hangs up. */
  destroy(): void {
    this.#socket.destroy()
  }

  #take(chunk: Buffer): void {
    if (this.#parsed !== undefined) return this.#takeBody(chunk)
    this.#received = Buffer.concat([this.#received, chunk])
    const end = this.#received.indexOf('\r\n\r\n')
    if (end < 0) return
    this.#parsed = parseHead(this.#received.toString('latin1', 0, end))
    this.#head.resolve(this.#parsed)
    this.#takeBody(this.#received.subarray(end + 4))
  }

  #takeBody(chunk: Buffer): void {
    this.#hash.update(chunk)
    if (this.#bodyBytes < KEPT_BODY_BYTES) this.#body += chunk.toString('latin1', 0, KEPT_BODY_BYTES)
    this.#bodyBytes += chunk.length
    this.#pauseIfDue()
  }

  #pauseIfDue(): void {
    if (this.#bodyBytes < this.#pauseAfterBytes) return
    this.#socket.pause()
    this.#pausedAt.resolve()
  }

  #finish(ending: Ending): void {
    if (this.#parsed === undefined) return this.#fail(new Error(`${ending} before a response head`))
    const bodyDigest = `sha256:${this.#hash.copy().digest('hex')}`
    this.#result.resolve({ ...this.#parsed, bodyBytes: this.#bodyBytes, bodyDigest, body: this.#body, ending })
    this.#pausedAt.reject(new Error(`status ${this.#parsed.status} and ${this.#bodyBytes} bytes, then ${ending}`))
  }

  #fail(error: Error): void {
    this.#head.reject(error)
    this.#result.reject(error)
    this.#pausedAt.reject(error)
  }
}
