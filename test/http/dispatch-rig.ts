import { sendBytes } from '../../src/http/body.ts'
import { dispatch, type Route } from '../../src/http/dispatch.ts'
import type { Handler } from '../../src/http/exchange.ts'
import { startHttpServer } from '../../src/http/server.ts'
import { createMetrics } from '../../src/observability/metrics.ts'
import { MemoryLog } from '../fakes/memory-log.ts'
import { RawClient } from './raw-client.ts'

/** Serves `routes` and keeps what is logged and measured. */
export async function serve(routes: readonly Route[]) {
  const log = new MemoryLog()
  const metrics = createMetrics()
  const handler = dispatch({ routes, metrics, log })
  const answered = Promise.withResolvers<void>()
  const server = await startHttpServer(
    {
      handler: async exchange => {
        await handler(exchange)
        answered.resolve()
      },
      log,
    },
    { name: 'test', listen: { host: '127.0.0.1', port: 0 } },
  )
  return {
    server,
    /** Resolves when the first exchange is over. */
    answered: answered.promise,
    /** What is logged once the first exchange is over. */
    lines: () => answered.promise.then(() => log.lines),
    url: (path: string) => `http://127.0.0.1:${server.address.port}${path}`,
    connect: () => RawClient.connect(server.address),
    /** Lines of the exposition that start with `name`. */
    metric: async (name: string) => (await metrics.render()).text.split('\n').filter(line => line.startsWith(name)),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

export function say(body: string): Handler {
  return async exchange => {
    await sendBytes(exchange, { status: 200, headers: {}, body })
  }
}

export function fail(error: Error): Handler {
  return async () => {
    throw error
  }
}
