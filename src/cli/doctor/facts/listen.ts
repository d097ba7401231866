import { once } from 'node:events'
import net from 'node:net'
import type { Address } from '../../flags/address.ts'

/** Whether something listens at `address` already; false where that can be had, or is none of this machine. */
export async function isTaken({ host, port }: Address): Promise<boolean> {
  const server = net.createServer()
  try {
    server.listen({ port, exclusive: true, ...(host === '' ? {} : { host }) })
    await once(server, 'listening')
    return false
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
  } finally {
    server.close()
  }
}
