/**
 * A node with stock `@libp2p/kad-dht` that a test drives by JSON lines (see `command-line.ts`).
 *
 * Run: node stock-node.ts HOST PORT
 */
import { createHash } from 'node:crypto'
import process from 'node:process'
import { identify } from '@libp2p/identify'
import { type KadDHT, kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { tls } from '@libp2p/tls'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import * as Digest from 'multiformats/hashes/digest'
import { serveCommands } from './command-line.ts'
import type { Holder } from './driven-node.ts'

const SHA256 = 0x12
const FIND_TIMEOUT_MS = 10_000

/** The part of stock kad-dht that its public types leave out. */
interface WithRoutingTable {
  readonly routingTable: { readonly kb: { toIterable(): Iterable<{ readonly peerId: { toString(): string } }> } }
}

const [host = '', port = '0'] = process.argv.slice(2)
const node = await createLibp2p({
  addresses: { listen: [`/ip4/${host}/tcp/${port}`] },
  transports: [tcp()],
  connectionEncrypters: [noise(), tls()],
  streamMuxers: [yamux()],
  services: {
    identify: identify(),
    ping: ping(),
    dht: kadDHT({ protocol: '/spegel/kad/1.0.0', clientMode: false, peerInfoMapper: passthroughMapper }),
  },
})
const dht: KadDHT & Partial<WithRoutingTable> = node.services.dht

function cidOf(key: string): CID {
  return CID.createV1(raw.code, Digest.create(SHA256, createHash('sha256').update(key).digest()))
}

async function holders(key: string): Promise<readonly Holder[]> {
  const found: Holder[] = []
  const signal = AbortSignal.timeout(FIND_TIMEOUT_MS)
  for await (const { id, multiaddrs } of node.contentRouting.findProviders(cidOf(key), { signal })) {
    if (id.equals(node.peerId)) continue
    found.push({ peer: id.toString(), hosts: multiaddrs.map(address => address.getComponents()[0]?.value ?? '') })
  }
  return found
}

await serveCommands({
  identity: () => ({ peer: node.peerId.toString(), multiaddrs: node.getMultiaddrs().map(String) }),
  members: () => [...(dht.routingTable?.kb.toIterable() ?? [])].map(({ peerId }) => peerId.toString()),
  async join(multiaddrs) {
    for (const address of multiaddrs) await node.dial(multiaddr(address))
  },
  async provide(keys) {
    for (const key of keys) await node.contentRouting.provide(cidOf(key))
  },
  find: keys => Promise.all(keys.map(holders)),
})
await node.stop()
