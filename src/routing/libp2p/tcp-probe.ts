import { connect } from 'node:net'
import type { CallOptions, Endpoint } from '../router.ts'

const PROBE_TIMEOUT_MS = 500

/** Whether something accepts TCP connections at `endpoint`. About a tenth of the CPU of a handshake (`bench/scale.ts`). */
export function acceptsConnections({ host, port }: Endpoint, { signal }: CallOptions): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connect({ host, port, timeout: PROBE_TIMEOUT_MS })
  const end = (accepted: boolean): void => {
    signal.removeEventListener('abort', fail)
    socket.resetAndDestroy()
    resolve(accepted)
  }
  const fail = (): void => end(false)
  socket.once('connect', () => end(true))
  socket.once('timeout', fail)
  socket.on('error', fail)
  signal.addEventListener('abort', fail, { once: true })
  return promise
}
