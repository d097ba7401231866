/**
 * A node of ours that a test drives by JSON lines (see `command-line.ts`).
 *
 * Run: node our-node.ts HOST PORT [MULTIADDR TO JOIN]...
 */
import process from 'node:process'
import { createLog } from '../../src/observability/log.ts'
import { createMetrics } from '../../src/observability/metrics.ts'
import { staticBootstrapper } from '../../src/routing/libp2p/bootstrap-static.ts'
import { createLibp2pRouter } from '../../src/routing/libp2p/libp2p-router.ts'
import { serveCommands } from './command-line.ts'
import type { Holder } from './driven-node.ts'

const REGISTRY_PORT = 5000

const [host = '', port = '0', ...peers] = process.argv.slice(2)
const { signal } = new AbortController()
const log = createLog('WARN')
await using router = await createLibp2pRouter(
  { log, metrics: createMetrics() },
  {
    listen: { host, port: Number(port) },
    registryPort: REGISTRY_PORT,
    signal,
    ...(peers.length === 0 ? {} : { bootstrapper: staticBootstrapper(peers, Number(port)) }),
  },
)

async function holders(key: string): Promise<readonly Holder[]> {
  const found = await Array.fromAsync(router.lookup(key, { signal }))
  return found.map(({ id, registry }) => ({ peer: id, hosts: [registry.host] }))
}

/** Milliseconds until the first holder of `key` is known, or until it is known that there is none. */
async function lookupMs(key: string): Promise<number> {
  const started = performance.now()
  for await (const _peer of router.lookup(key, { signal })) break
  return performance.now() - started
}

await serveCommands({
  identity: () => ({ peer: router.peerId, multiaddrs: router.multiaddrs }),
  ready: () => router.ready(),
  members: () => router.list().map(peer => peer.id),
  provide: keys => router.advertise(keys, { signal }),
  withdraw: keys => router.withdraw(keys, { signal }),
  find: keys => Promise.all(keys.map(holders)),
  async measure(keys) {
    const times: number[] = []
    for (const key of keys) times.push(await lookupMs(key))
    return times
  },
})
