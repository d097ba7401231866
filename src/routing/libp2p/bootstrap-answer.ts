import { isIP } from 'node:net'
import { peerIdFromString } from '@libp2p/peer-id'
import { isJsonObject } from '../../oci/json-object.ts'
import type { Endpoint } from '../router.ts'
import { parseStaticPeer } from './bootstrap-static.ts'
import type { Candidate } from './dialer.ts'
import { multiaddrOf } from './router-address.ts'

/** Peers taken of one answer, as list entries or lines. */
const MAX_PEERS = 256
/** Addresses taken of one peer. */
const MAX_ADDRESSES = 16

/** A node as bootstrap answers name it: `peer.AddrInfo` of go-libp2p in JSON. */
interface AddrInfo {
  readonly ID: string
  readonly Addrs: readonly string[]
}

/** `peers` as Go Spegel serves them, and as {@link decodeBootstrapAnswer} reads them. */
export function encodeBootstrapAnswer(peers: readonly Candidate[]): string {
  const infos: readonly AddrInfo[] = peers.map(({ id = '', endpoints }) => ({
    ID: id,
    Addrs: endpoints.map(endpoint => multiaddrOf(endpoint).toString()),
  }))
  return JSON.stringify(infos)
}

/**
 * Parses what Go Spegel serves: a list of `{"ID": …, "Addrs": […]}` where the id may be missing, or, from older ones, a
 * multiaddr; several may stand on lines. Addresses without a port get `defaultPort`. Addresses of other transports than
 * TCP and DNS names are left out, and peers without any other.
 * @throws {Error} saying what is wrong with the answer
 */
export function decodeBootstrapAnswer(text: string, defaultPort: number): readonly Candidate[] {
  const peers = text.trimStart().startsWith('[') ? parseList(text, defaultPort) : parseLines(text, defaultPort)
  const usable = peers.filter(({ endpoints }) => endpoints.length > 0)
  if (usable.length === 0 && peers.length > 0) throw new Error('no peer has an IP address and a TCP port')
  return usable
}

function parseList(text: string, defaultPort: number): readonly Candidate[] {
  const entries: unknown = JSON.parse(text)
  if (!Array.isArray(entries)) throw new TypeError('not a list')
  return entries.slice(0, MAX_PEERS).map((entry: unknown) => {
    const addresses = isJsonObject(entry) ? entry['Addrs'] : undefined
    if (!isJsonObject(entry) || !Array.isArray(addresses)) throw new TypeError('an entry without Addrs')
    const id = entry['ID'] ?? ''
    if (typeof id !== 'string') throw new TypeError('an ID that is no text')
    const texts = addresses.slice(0, MAX_ADDRESSES).map(String)
    return {
      id: id === '' ? undefined : peerIdFromString(id).toString(),
      endpoints: texts.flatMap(address => tcpEndpoint(address, defaultPort)),
    }
  })
}

/** Go names addresses of every transport it has; those that are no plain TCP address are no mistake. */
function tcpEndpoint(address: string, defaultPort: number): readonly Endpoint[] {
  try {
    const { host, port } = parseStaticPeer(address, defaultPort)
    return isIP(host) === 0 ? [] : [{ host, port }]
  } catch {
    return []
  }
}

function parseLines(text: string, defaultPort: number): readonly Candidate[] {
  const lines = text.split('\n').filter(line => line.trim() !== '')
  return lines.slice(0, MAX_PEERS).map(line => {
    const { id, host, port } = parseStaticPeer(line.trim(), defaultPort)
    return { id, endpoints: isIP(host) === 0 ? [] : [{ host, port }] }
  })
}
