import { once } from 'node:events'
import { createServer } from 'node:net'
import { formatHostPort } from '../../http/host-port.ts'
import type { Address } from '../flags/address.ts'
import { AddressUnavailableError } from './errors.ts'

/** Where one node of the demo listens. */
export interface NodeAddresses {
  readonly registry: Address
  readonly router: Address
  readonly metrics: Address
}

/**
 * Addresses of `count` nodes, 127.0.0.1 and up.
 * @param basePort undefined: the ports that a real node listens on
 */
export function nodeAddresses(count: number, basePort: number | undefined): readonly NodeAddresses[] {
  const ports =
    basePort === undefined
      ? { registry: 5000, router: 5001, metrics: 9090 }
      : { registry: basePort, router: basePort + 1, metrics: basePort + 2 }
  return Array.from({ length: count }, (_, index) => {
    const host = `127.0.0.${index + 1}`
    return {
      registry: { host, port: ports.registry },
      router: { host, port: ports.router },
      metrics: { host, port: ports.metrics },
    }
  })
}

/**
 * Checks that every address is free, before anything is started.
 * @throws {AddressUnavailableError} naming the first that is not
 */
export async function checkAddresses(nodes: readonly NodeAddresses[]): Promise<void> {
  for (const address of nodes.flatMap(({ registry, router, metrics }) => [registry, router, metrics])) {
    const server = createServer().listen(address)
    try {
      await once(server, 'listening')
    } catch (cause) {
      throw new AddressUnavailableError(formatHostPort(address), reasonOf(cause, address), { cause })
    }
    server.close()
    await once(server, 'close')
  }
}

function reasonOf(error: unknown, { host }: Address): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE') return 'is in use: stop what listens there, or choose other ports with --base-port'
  if (code === 'EACCES') return 'needs a privilege: choose ports from 1024 on with --base-port'
  // Linux answers on all of 127.0.0.0/8 by itself, macOS only on 127.0.0.1.
  if (code === 'EADDRNOTAVAIL') return `does not exist on this machine: try sudo ifconfig lo0 alias ${host}`
  return 'cannot be listened on'
}
