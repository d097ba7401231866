import { sendBytes } from '../http/body.ts'
import type { Route } from '../http/dispatch.ts'
import type { Exchange } from '../http/exchange.ts'

export interface HealthComponents {
  /** Whether the node can find content on peers, and peers its. */
  readonly ready: () => boolean
}

/** The routes by which a kubelet learns how the node is, the same on each listener; they need no credentials. */
export function healthRoutes({ ready }: HealthComponents): readonly Route[] {
  return [
    { path: '/livez', handler: 'live', handle: exchange => sendHealth(exchange, true) },
    { path: '/readyz', handler: 'ready', handle: exchange => sendHealth(exchange, ready()) },
  ]
}

async function sendHealth(exchange: Exchange, healthy: boolean): Promise<void> {
  const headers = { 'content-type': 'text/plain; charset=utf-8' }
  const body = Buffer.from(healthy ? 'ok\n' : 'not ready\n')
  await sendBytes(exchange, { status: healthy ? 200 : 503, headers, body })
}
