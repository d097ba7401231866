/**
 * A node of ours that announces records to one other node, among them one that no node of ours would send, when a test
 * says so by JSON lines (see `command-line.ts`).
 *
 * Run: node malformed-record.ts HOST PORT MULTIADDR
 */
import process from 'node:process'
import { multiaddr } from '@multiformats/multiaddr'
import { systemClock } from '../../src/routing/clock.ts'
import { MAX_KEY_BYTES } from '../../src/routing/libp2p/kad-message.ts'
import { KadStream } from '../../src/routing/libp2p/kad-stream.ts'
import { KadTarget } from '../../src/routing/libp2p/kad-target.ts'
import { createNode, KAD_PROTOCOL, startNode } from '../../src/routing/libp2p/node.ts'
import { OwnPeer } from '../../src/routing/libp2p/own-peer.ts'
import { positionOf, recordKey } from '../../src/routing/libp2p/record-key.ts'
import { serveCommands } from './command-line.ts'

/** Go resets the stream that brings such a key. */
const MALFORMED_KEY = new Uint8Array(MAX_KEY_BYTES + 1)

const [host = '', port = '0', peer = ''] = process.argv.slice(2)
const listen = { host, port: Number(port) }
const { signal } = new AbortController()
const node = await createNode({ listen })
await startNode(node, listen)
const own = new OwnPeer({ node, clock: systemClock })
const connection = await node.dial(multiaddr(peer))
const target = new KadTarget({
  position: positionOf(connection.remotePeer.toMultihash().bytes),
  stream: new KadStream(options => connection.newStream(KAD_PROTOCOL, options), connection.remotePeer.toString()),
  own: () => own.kadPeer,
})

await serveCommands({
  identity: () => ({ peer: own.id, multiaddrs: node.getMultiaddrs().map(String) }),
  async provide(keys) {
    const good = keys.map(key => recordKey(key).bytes)
    const middle = Math.floor(good.length / 2)
    await target.announce([...good.slice(0, middle), MALFORMED_KEY, ...good.slice(middle)], { signal })
  },
})
await node.stop()
