import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import type { Fault, UpstreamRequest } from './fault.ts'
import { RateLimit } from './rate-limit.ts'

/** Small enough for an even flow at low rates. */
const PIECE_BYTES = 64 * 1024

type Recorded = { -readonly [Key in keyof UpstreamRequest]: UpstreamRequest[Key] }

interface Injected {
  readonly fault: Fault
  readonly matches: (request: UpstreamRequest) => boolean
}

/** Stands before a registry: counts what it is asked for, slows it down, asks for a password and breaks it on request. */
export class UpstreamProxy implements AsyncDisposable {
  readonly limit = new RateLimit()
  /** Value of the header that requests must have; undefined: none. */
  authorization: string | undefined
  readonly #registry: { readonly host: string; readonly port: number }
  readonly #listen: { readonly host: string; readonly port: number }
  readonly #injected = new Set<Injected>()
  #requests: UpstreamRequest[] = []
  #server: Server | undefined

  constructor(listen: { host: string; port: number }, registry: { host: string; port: number }) {
    this.#listen = listen
    this.#registry = registry
  }

  get address(): string {
    return this.#listen.host
  }

  async start(): Promise<void> {
    if (this.#server !== undefined) return
    const server = createServer((request, response) => {
      // A client that leaves is none of our failures, and a registry that fails shows in what the client gets.
      this.#answer(request, response).catch(() => response.destroy())
    })
    this.#server = server
    server.listen(this.#listen.port, this.#listen.host)
    await once(server, 'listening')
  }

  /** Ends all connections and refuses new ones. */
  async stop(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (server === undefined) return
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }

  /** In order. */
  get requests(): readonly UpstreamRequest[] {
    return this.#requests
  }

  /** Starts a new list of {@link requests}. */
  forget(): void {
    this.#requests = []
  }

  /** Does `fault` to requests that match, until the result is disposed of. */
  inject(fault: Fault, matches: (request: UpstreamRequest) => boolean): Disposable {
    const injected = { fault, matches }
    this.#injected.add(injected)
    return { [Symbol.dispose]: () => void this.#injected.delete(injected) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const recorded = record(incoming)
    this.#requests.push(recorded)
    response.on('finish', () => {
      recorded.status = response.statusCode
    })
    const fault = [...this.#injected].find(({ matches }) => matches(recorded))?.fault
    if (fault?.kind === 'hang') return
    if (fault?.kind === 'status') return refuse(response, fault.status)
    if (this.authorization !== undefined && this.authorization !== recorded.authorization) {
      return refuse(response, 401, { 'www-authenticate': 'Basic realm="registry"' })
    }
    const { authorization: _, ...headers } = incoming.headers
    const { method = 'GET', url = '/' } = incoming
    const forwarded = request({ ...this.#registry, method, path: url, headers })
    response.on('close', () => forwarded.destroy())
    const answered: Promise<IncomingMessage[]> = once(forwarded, 'response')
    incoming.pipe(forwarded)
    const [answer] = await answered
    if (answer === undefined) return
    recorded.status = answer.statusCode
    response.writeHead(answer.statusCode ?? 500, answer.headers)
    response.flushHeaders()
    for await (const chunk of answer) {
      for (let position = 0; position < chunk.length; position += PIECE_BYTES) {
        const piece: Buffer = chunk.subarray(position, position + PIECE_BYTES)
        await this.limit.take(piece.length)
        if (!(await sendPiece(response, { piece, recorded, fault }))) return
      }
    }
    response.end()
  }
}

function record({ method = '', url = '', headers, socket }: IncomingMessage): Recorded {
  return {
    method,
    host: headers.host ?? '',
    target: url,
    reference: /\/(?:manifests|blobs)\/([^/?]+)/.exec(url)?.[1] ?? '',
    range: headers.range,
    authorization: headers.authorization,
    client: socket.remoteAddress ?? '',
    at: performance.now(),
    status: undefined,
    bytes: 0,
  }
}

function refuse(response: ServerResponse, status: number, headers: Record<string, string> = {}): void {
  response.writeHead(status, headers).end()
}

interface Piece {
  readonly piece: Buffer
  readonly recorded: Recorded
  readonly fault: Fault | undefined
}

/** @returns whether there is more to send */
async function sendPiece(response: ServerResponse, { piece, recorded, fault }: Piece): Promise<boolean> {
  const from = recorded.bytes
  let bytes = piece
  if (fault?.kind === 'cut') bytes = piece.subarray(0, Math.max(0, fault.afterBytes - from))
  if (fault?.kind === 'corrupt' && fault.atByte >= from && fault.atByte < from + piece.length) {
    bytes = Buffer.from(piece)
    bytes.writeUInt8(bytes.readUInt8(fault.atByte - from) ^ 1, fault.atByte - from)
  }
  recorded.bytes += bytes.length
  if (!response.write(bytes)) await drained(response)
  if (response.destroyed) return false
  if (bytes.length === piece.length) return true
  if (fault?.kind === 'cut' && fault.how === 'reset') response.socket?.resetAndDestroy()
  else response.socket?.end()
  return false
}

/** Resolves once more may be written, or nothing ever. */
async function drained(response: ServerResponse): Promise<void> {
  const settled = new AbortController()
  const { signal } = settled
  try {
    await Promise.race([once(response, 'drain', { signal }), once(response, 'close', { signal })])
  } finally {
    settled.abort()
  }
}
