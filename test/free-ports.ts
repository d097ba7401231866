import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/** Ports shared by all nodes of a test; the nodes differ in their address (127.0.0.1, 127.0.0.2, …). */
export interface Ports {
  readonly registry: number
  readonly router: number
  readonly metrics: number
  readonly bootstrap: number
}

/** Below the ports that the kernel gives to outgoing connections, which could take one between check and use. */
const PORT_RANGE = { from: 10_000, to: 30_000 }

/** Ports in a row that nobody listens on. */
export async function freePorts(): Promise<Ports> {
  for (;;) {
    const first = randomInt(PORT_RANGE.from, PORT_RANGE.to)
    const ports = { registry: first, router: first + 1, metrics: first + 2, bootstrap: first + 3 }
    const free = await Promise.all(Object.values(ports).map(isFree))
    if (free.every(Boolean)) return ports
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  try {
    // On all addresses: the nodes of a test listen on the same port of several.
    server.listen(port)
    await once(server, 'listening')
  } catch {
    return false
  }
  server.close()
  await once(server, 'close')
  return true
}
