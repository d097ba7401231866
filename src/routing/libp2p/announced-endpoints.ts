import { isIPv6 } from 'node:net'
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os'
import type { Endpoint } from '../router.ts'

/** Where the router listens. */
export interface ListenAddress {
  /** IP address; empty for all addresses of this machine, of both families. */
  readonly host: string
  /** TCP port; 0 takes any free one. */
  readonly port: number
}

/** What `os.networkInterfaces` returns. */
type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>

const WILDCARDS: Readonly<Record<string, readonly string[]>> = {
  '': ['IPv4', 'IPv6'],
  '0.0.0.0': ['IPv4'],
  '::': ['IPv6'],
}

/** Whether a listener at `host` takes connections at more than one address. */
export function isWildcard(host: string): boolean {
  return host in WILDCARDS
}

/**
 * The addresses at which other nodes can reach a router that listens at `listen`: that address itself, or for a
 * wildcard those of all interfaces but loopback and link-local ones, which mean another machine to everyone else.
 */
export function announcedEndpoints(
  { host, port }: ListenAddress,
  interfaces: Interfaces = networkInterfaces(),
): readonly Endpoint[] {
  const families = WILDCARDS[host]
  if (families === undefined) return [{ host, port }]
  const hosts = Object.values(interfaces)
    .flatMap(addresses => addresses ?? [])
    .filter(({ address, family, internal }) => families.includes(family) && !internal && !isLinkLocal(address))
    .map(({ address }) => address)
  return [...new Set(hosts)].map(each => ({ host: each, port }))
}

function isLinkLocal(address: string): boolean {
  return isIPv6(address) ? /^fe[89ab]/i.test(address) : address.startsWith('169.254.')
}
