import { isIP } from 'node:net'
import { peerIdFromString } from '@libp2p/peer-id'
import { type Component, multiaddr } from '@multiformats/multiaddr'
import type { CallOptions } from '../router.ts'
import type { Bootstrapper } from './bootstrap.ts'
import type { Candidate } from './dialer.ts'
import { InvalidBootstrapPeerError } from './errors.ts'
import { lookupName, type NameLookupOptions } from './name-lookup.ts'

/** Address families by the multiaddr protocol that names a host; 0 is either. */
const FAMILIES: Readonly<Record<string, 0 | 4 | 6>> = { ip4: 4, ip6: 6, dns: 0, dns4: 4, dns6: 6 }
const MAX_PORT = 65_535
/** A host name of DNS: labels of letters, digits, hyphens and underscores. */
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?$/i
/** `host`, `host:port`, `[v6]` or `[v6]:port`. */
const HOST_AND_PORT = /^(?:\[(?<bracketed>[^\]]+)\]|(?<plain>[^:]+))(?::(?<port>\d{1,5}))?$/

/** One entry of the configuration, parsed. */
export interface StaticPeer {
  /** The peer id that must answer; undefined accepts any. */
  readonly id: string | undefined
  /** IP address or DNS name. */
  readonly host: string
  readonly family: 0 | 4 | 6
  readonly port: number
}

/**
 * Parses an entry of `--static-bootstrap-peers`: a multiaddr (`/ip4|ip6|dns|dns4|dns6/<host>`, then optionally
 * `/tcp/<port>` and `/p2p/<id>`), or `host` or `host:port`.
 * @throws {InvalidBootstrapPeerError}
 */
export function parseStaticPeer(entry: string, defaultPort: number): StaticPeer {
  const peer = entry.startsWith('/') ? parseMultiaddr(entry, defaultPort) : parseHostAndPort(entry, defaultPort)
  const isHost = isIP(peer.host) !== 0 || HOST_NAME.test(peer.host)
  if (!isHost || peer.port < 1 || peer.port > MAX_PORT) throw new InvalidBootstrapPeerError(entry)
  return peer
}

function parseMultiaddr(entry: string, defaultPort: number): StaticPeer {
  let components: Component[]
  try {
    components = multiaddr(entry).getComponents()
  } catch (error) {
    throw new InvalidBootstrapPeerError(entry, { cause: error })
  }
  const [address, ...rest] = components
  const family = address === undefined ? undefined : FAMILIES[address.name]
  if (address?.value === undefined || family === undefined) throw new InvalidBootstrapPeerError(entry)
  const port = rest[0]?.name === 'tcp' ? Number(rest.shift()?.value) : defaultPort
  const id = rest[0]?.name === 'p2p' ? rest.shift()?.value : undefined
  if (rest.length > 0) throw new InvalidBootstrapPeerError(entry)
  return { id: id === undefined ? undefined : canonicalId(id, entry), host: address.value, family, port }
}

/** The same id can be written in several ways. */
function canonicalId(id: string, entry: string): string {
  try {
    return peerIdFromString(id).toString()
  } catch (error) {
    throw new InvalidBootstrapPeerError(entry, { cause: error })
  }
}

function parseHostAndPort(entry: string, defaultPort: number): StaticPeer {
  if (isIP(entry) === 6) return { id: undefined, host: entry, family: 6, port: defaultPort }
  const { bracketed, plain, port } = HOST_AND_PORT.exec(entry)?.groups ?? {}
  const host = bracketed ?? plain ?? ''
  if (bracketed !== undefined && isIP(bracketed) !== 6) throw new InvalidBootstrapPeerError(entry)
  return { id: undefined, host, family: 0, port: port === undefined ? defaultPort : Number(port) }
}

/** Behind a name without an id may be as many nodes as it has addresses. */
async function resolve(
  { id, host, family, port }: StaticPeer,
  options: NameLookupOptions,
): Promise<readonly Candidate[]> {
  const hosts = isIP(host) === 0 ? await lookupName(host, { ...options, family }) : [host]
  const endpoints = hosts.map(address => ({ host: address, port }))
  return id === undefined ? endpoints.map(endpoint => ({ id, endpoints: [endpoint] })) : [{ id, endpoints }]
}

/**
 * Bootstrap by a list of peers, given at start. DNS names are resolved each time; those that can't be are left out
 * unless none can.
 * @param entries as {@link parseStaticPeer} takes them
 * @param defaultPort of entries without one: this node's own router port
 * @param options `servers`: DNS servers to ask; default: those of the system
 * @throws {InvalidBootstrapPeerError}
 */
export function staticBootstrapper(
  entries: readonly string[],
  defaultPort: number,
  options: Pick<NameLookupOptions, 'servers'> = {},
): Bootstrapper {
  const peers = entries.map(entry => parseStaticPeer(entry, defaultPort))
  return {
    async peers({ signal }: CallOptions) {
      const results = await Promise.allSettled(peers.map(peer => resolve(peer, { ...options, signal })))
      const resolved = results.filter(result => result.status === 'fulfilled').flatMap(result => result.value)
      const failure = results.find(result => result.status === 'rejected')
      if (resolved.length === 0 && failure !== undefined) throw failure.reason
      return resolved
    },
  }
}
