import { once } from 'node:events'
import { sendBytes } from '../../src/http/body.ts'
import type { Exchange, Handler } from '../../src/http/exchange.ts'
import { type HttpServer, type HttpServerLimits, startHttpServer } from '../../src/http/server.ts'
import { MemoryLog } from '../fakes/memory-log.ts'
import { RawClient } from './raw-client.ts'

export const listen = { host: '127.0.0.1', port: 0 }

export interface Setup {
  readonly handler?: Handler
  readonly limits?: Partial<HttpServerLimits>
  readonly log?: MemoryLog
}

/** Answers with method, path and query. */
export const echo: Handler = async exchange => {
  const { request, path, query } = exchange
  await sendBytes(exchange, { status: 200, headers: {}, body: `<${request.method} ${path} ${query.toString()}>` })
}

export function serve({ handler = echo, limits = {}, log = new MemoryLog() }: Setup = {}): Promise<HttpServer> {
  return startHttpServer({ handler, log }, { name: 'test', listen, limits })
}

export function connect({ address }: HttpServer): Promise<RawClient> {
  return RawClient.connect(address)
}

/** Connects several times; `stack` disposes of the clients. */
export async function connectMany(server: HttpServer, { count, stack }: { count: number; stack: DisposableStack }) {
  const clients = await Promise.all(Array.from({ length: count }, () => connect(server)))
  return clients.map(client => stack.use(client))
}

/** A handler that answers when told to, and tells when an exchange has arrived. */
export function gate() {
  const arrived = Promise.withResolvers<Exchange>()
  const opened = Promise.withResolvers<void>()
  const handler: Handler = async exchange => {
    arrived.resolve(exchange)
    await opened.promise
    await echo(exchange)
  }
  return { handler, arrived: arrived.promise, open: () => opened.resolve() }
}

/** Resolves with the reason when the exchange is aborted. */
export async function aborted({ signal }: Exchange): Promise<unknown> {
  if (!signal.aborted) await once(signal, 'abort')
  return signal.reason
}
