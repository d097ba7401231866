import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import type { PeerBody, PeerClient, PeerRequest } from '../../src/http/peer-client.ts'
import type { PooledPeerClientOptions } from '../../src/http/pooled-peer-client.ts'
import type { Log } from '../../src/observability/log.ts'
import { MemoryLog } from '../fakes/memory-log.ts'

export const options = { signal: new AbortController().signal, headersTimeoutMs: 5000 }

/** A peer that is nothing but a socket, so that it can answer wrongly. */
export interface RawPeer {
  readonly endpoint: PeerRequest['endpoint']
  /** Heads of the requests, and which connection they came on. */
  readonly requests: { readonly head: string; readonly connection: number }[]
  readonly sockets: readonly Socket[]
  readonly server: Server
}

export type Answer = (
  socket: Socket,
  request: { readonly count: number; readonly connection: number },
) => void | Promise<void>

export async function startPeer(t: TestContext, answer: Answer): Promise<RawPeer> {
  const sockets: Socket[] = []
  const requests: { head: string; connection: number }[] = []
  const server = createServer(socket => {
    const connection = sockets.push(socket)
    let head = ''
    socket.on('error', () => undefined)
    socket.on('data', chunk => {
      head += chunk.toString('latin1')
      if (!head.endsWith('\r\n\r\n')) return
      const count = requests.push({ head, connection })
      head = ''
      void answer(socket, { count, connection })
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { endpoint: { host: '127.0.0.1', port: address.port }, requests, sockets, server }
}

export type CreatePeerClient = (components: { readonly log: Log }, options: PooledPeerClientOptions) => PeerClient

/** Makes clients that are closed with their test. */
export function clientsOf(create: CreatePeerClient) {
  return (t: TestContext, clientOptions: PooledPeerClientOptions = {}, log = new MemoryLog()): PeerClient => {
    const client = create({ log }, clientOptions)
    t.after(() => client.close())
    return client
  }
}

export function askFor(endpoint: PeerRequest['endpoint'], method: PeerRequest['method'] = 'GET'): PeerRequest {
  return { endpoint, method, target: '/v2/a?ns=b', headers: { 'x-a': 'b' } }
}

export const say =
  (text: string): Answer =>
  socket => {
    socket.write(text)
  }

export const hello = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello'

/** Keeps this process from doing anything else. */
export function holdUp(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

export async function readAll(body: PeerBody): Promise<Buffer> {
  const chunks: Buffer[] = []
  for (let chunk = await body.read(); chunk !== undefined; chunk = await body.read()) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}
