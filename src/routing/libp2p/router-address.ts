import { isIP, isIPv6 } from 'node:net'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import type { Endpoint } from '../router.ts'

/**
 * The IP address and TCP port of `address`. Undefined for any other transport: what is not plain
 * `/ip4|ip6/…/tcp/<port>` (a peer id may follow) is neither dialled nor announced.
 */
export function endpointOf(address: Multiaddr): Endpoint | undefined {
  const [ip, tcp, peer, ...rest] = address.getComponents()
  if (rest.length > 0 || (peer !== undefined && peer.name !== 'p2p')) return undefined
  if (ip?.value === undefined || (ip.name !== 'ip4' && ip.name !== 'ip6') || isIP(ip.value) === 0) return undefined
  const port = tcp?.name === 'tcp' ? Number(tcp.value) : 0
  return port > 0 ? { host: ip.value, port } : undefined
}

/** {@link endpointOf} for the binary form that peers send. Undefined for bytes that are no address. */
export function decodeEndpoint(bytes: Uint8Array): Endpoint | undefined {
  try {
    return endpointOf(multiaddr(bytes))
  } catch {
    return undefined
  }
}

/** `endpoint` as a multiaddr, with the peer id expected there, if any. */
export function multiaddrOf(endpoint: Endpoint, id?: string): Multiaddr {
  const family = isIPv6(endpoint.host) ? 'ip6' : 'ip4'
  return multiaddr(`/${family}/${endpoint.host}/tcp/${endpoint.port}${id === undefined ? '' : `/p2p/${id}`}`)
}

/** `host:port`, IPv6 in brackets. */
export function formatEndpoint(endpoint: Endpoint): string {
  return isIPv6(endpoint.host) ? `[${endpoint.host}]:${endpoint.port}` : `${endpoint.host}:${endpoint.port}`
}

export function isSameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return a.host === b.host && a.port === b.port
}
