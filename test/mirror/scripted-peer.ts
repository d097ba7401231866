import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { parseRange } from '../../src/http/range.ts'
import { digestOf } from '../../src/oci/digest.ts'
import type { Endpoint, Peer } from '../../src/routing/router.ts'

/** A request that a peer was sent. */
export interface PeerHead {
  readonly method: string
  readonly target: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
}

/** Answers a request by writing to the socket, which may be ended, destroyed or left alone as well. */
export type Script = (request: PeerHead, socket: Socket) => void

/** A peer that does exactly what its script says. */
export class ScriptedPeer implements Peer, AsyncDisposable {
  readonly id: string
  readonly requests: PeerHead[] = []
  script: Script
  readonly #server = createServer(socket => this.#serve(socket))
  readonly #sockets = new Set<Socket>()

  private constructor(script: Script, id: string) {
    this.script = script
    this.id = id
  }

  /** Listens on a loopback address; default: a free port of 127.0.0.1. */
  static async start(script: Script, id = 'scripted', listen: Partial<Endpoint> = {}): Promise<ScriptedPeer> {
    const peer = new ScriptedPeer(script, id)
    peer.#server.listen({ host: '127.0.0.1', port: 0, ...listen })
    await once(peer.#server, 'listening')
    return peer
  }

  get registry(): { readonly host: string; readonly port: number } {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new TypeError('not listening')
    return { host: address.address, port: address.port }
  }

  /** `host:port` */
  get name(): string {
    return `${this.registry.host}:${this.registry.port}`
  }

  /** Breaks all connections and takes no more, as a killed process does. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    for (const socket of this.#sockets) socket.resetAndDestroy()
    await once(this.#server, 'close')
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('error', () => undefined)
    let text = ''
    socket.on('data', chunk => {
      text += chunk.toString('latin1')
      for (let end = text.indexOf('\r\n\r\n'); end !== -1; end = text.indexOf('\r\n\r\n')) {
        const request = parseHead(text.slice(0, end))
        text = text.slice(end + 4)
        this.requests.push(request)
        this.script(request, socket)
      }
    })
  }
}

function parseHead(text: string): PeerHead {
  const [start = '', ...fields] = text.split('\r\n')
  const [method = '', target = ''] = start.split(' ')
  const headers = fields.map(field => {
    const [name = '', ...value] = field.split(': ')
    return [name.toLowerCase(), value.join(': ')]
  })
  return { method, target, headers: Object.fromEntries(headers) }
}

/** A response head. */
export function head(status: number, headers: Readonly<Record<string, string | number>> = {}): string {
  const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${status} Scripted\r\n${fields.join('')}\r\n`
}

/** Serves `content` as a good peer does, ranges included; `overrides` change or (undefined) drop response headers. */
export function serving(
  content: Buffer,
  overrides: Readonly<Record<string, string | number | undefined>> = {},
): Script {
  return ({ method, headers }, socket) => {
    const range = parseRange(headers['range'], content.length)
    if (range.kind === 'unsatisfiable') {
      socket.write(head(416, { 'content-range': `bytes */${content.length}`, 'content-length': 0 }))
      return
    }
    const part = range.kind === 'range' ? content.subarray(range.start, range.end + 1) : content
    const all = {
      'content-length': part.length,
      'content-type': 'application/octet-stream',
      'docker-content-digest': digestOf(content),
      ...(range.kind === 'range' ? { 'content-range': `bytes ${range.start}-${range.end}/${content.length}` } : {}),
      ...overrides,
    }
    const present = Object.entries(all).filter((entry): entry is [string, string | number] => entry[1] !== undefined)
    socket.write(head(range.kind === 'range' ? 206 : 200, Object.fromEntries(present)))
    if (method === 'GET') socket.write(part)
  }
}

/** Answers with a status and nothing else. */
export function refusing(status: number): Script {
  return (_, socket) => {
    socket.write(head(status, { 'content-length': 0 }))
  }
}
