import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { type MeshFixture, routerContract } from '../../../test/contracts/router-contract.ts'
import { patience } from '../../../test/contracts/store-contract.ts'
import { MemoryLog } from '../../../test/fakes/memory-log.ts'
import { emptyNode, type Script, ScriptedKadPeer } from '../../../test/routing/scripted-kad-peer.ts'
import { until } from '../../../test/until.ts'
import { createMetrics, type Metrics } from '../../observability/metrics.ts'
import { staticBootstrapper } from './bootstrap-static.ts'
import { createLibp2pRouter, type Libp2pRouter, type Libp2pRouterOptions } from './libp2p-router.ts'

const REGISTRY_PORT = 5000

async function start(options: Partial<Libp2pRouterOptions> & { readonly host: string }) {
  const log = new MemoryLog()
  const metrics = createMetrics()
  const router = await createLibp2pRouter(
    { log, metrics },
    { listen: { host: options.host, port: 0 }, registryPort: REGISTRY_PORT, signal: patience(), ...options },
  )
  return { log, metrics, router, [Symbol.asyncDispose]: () => router[Symbol.asyncDispose]() }
}

function joining(router: Libp2pRouter) {
  return { bootstrapper: staticBootstrapper(router.multiaddrs, 0) }
}

async function libp2pMesh(): Promise<MeshFixture> {
  const stack = new AsyncDisposableStack()
  const routers: Libp2pRouter[] = []
  return {
    async join() {
      const host = `127.0.0.${routers.length + 1}`
      const [first] = routers
      const { router } = stack.use(await start({ host, ...(first === undefined ? {} : joining(first)) }))
      routers.push(router)
      return {
        self: { id: router.peerId, registry: { host, port: REGISTRY_PORT } },
        router,
        leave: () => router[Symbol.asyncDispose](),
      }
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

routerContract('Libp2pRouter', libp2pMesh)

const KEY = `sha256:${'cd'.repeat(32)}`

async function find(router: Libp2pRouter, key: string): Promise<readonly string[]> {
  return (await Array.fromAsync(router.lookup(key, { signal: patience() }))).map(peer => peer.id)
}

async function gauge(metrics: Metrics, name: string): Promise<number> {
  const { text } = await metrics.render()
  const line = text.split('\n').find(each => each.startsWith(`${name} `))
  return Number(line?.slice(name.length))
}

test('without bootstrap a node is ready at once, and can be joined at the addresses it names', async () => {
  await using first = await start({ host: '127.0.0.1' })
  assert.equal(first.router.ready(), true)
  const [address] = first.router.multiaddrs
  assert.match(address ?? '', new RegExp(`^/ip4/127\\.0\\.0\\.1/tcp/\\d+/p2p/${first.router.peerId}$`))
  await using second = await start({ host: '127.0.0.2', ...joining(first.router) })
  await until(() => second.router.ready())
})

test('a node whose bootstrap peers are all gone is not ready', async () => {
  const first = await start({ host: '127.0.0.1' })
  await using second = await start({ host: '127.0.0.2', ...joining(first.router) })
  assert.equal(second.router.ready(), false)
  await until(() => second.router.ready())
  await first.router[Symbol.asyncDispose]()
  await until(() => !second.router.ready())
})

test('a node that comes back under a new identity is joined by those who knew it before, and finds what they hold', async () => {
  const first = await start({ host: '127.0.0.1' })
  await using second = await start({ host: '127.0.0.2', ...joining(first.router) })
  await until(() => second.router.list().length === 1)
  await second.router.advertise([KEY], { signal: patience() })
  const port = Number(/tcp\/(\d+)/.exec(first.router.multiaddrs[0] ?? '')?.[1])
  await first.router[Symbol.asyncDispose]()
  await until(() => second.router.list().length === 0)
  await using again = await start({ host: '127.0.0.1', listen: { host: '127.0.0.1', port } })
  await until(async () => (await find(again.router, KEY)).length > 0)
  assert.deepEqual(await find(again.router, KEY), [second.router.peerId])
  assert.deepEqual(
    second.router.list().map(peer => peer.id),
    [again.router.peerId],
  )
})

test('the gauges follow members and records', async () => {
  await using first = await start({ host: '127.0.0.1' })
  await using second = await start({ host: '127.0.0.2', ...joining(first.router) })
  await until(() => second.router.list().length === 1 && first.router.list().length === 1)
  await second.router.advertise([KEY, 'docker.io/library/busybox:1.37'], { signal: patience() })
  assert.equal(await gauge(first.metrics, 'spegel_peers'), 1)
  assert.equal(await gauge(first.metrics, 'spegel_provider_records'), 2)
  await second.router[Symbol.asyncDispose]()
  await until(() => first.router.list().length === 0)
  assert.equal(await gauge(first.metrics, 'spegel_peers'), 0)
})

test('a member that is doubted is passed over until it has answered', async () => {
  let answers = true
  const script: Script = (message, stream) => (answers ? emptyNode(message, stream) : undefined)
  await using peer = await ScriptedKadPeer.start({ host: '127.0.0.3', script })
  await using node = await start({ host: '127.0.0.1', bootstrapper: staticBootstrapper([peer.multiaddr], 0) })
  await until(() => node.router.list().length === 1)
  const [member] = node.router.list()
  assert.ok(member)
  node.router.doubt(member)
  assert.deepEqual(node.router.closest(KEY, 1), [])
  await until(() => node.router.closest(KEY, 1).length === 1)
  answers = false
  node.router.doubt(member)
  assert.deepEqual(node.router.closest(KEY, 1), [])
  await until(() => node.router.list().length === 0)
  node.router.doubt(member)
})

test('an address in use is an error that names it and the reason', async () => {
  await using first = await start({ host: '127.0.0.1' })
  const port = Number(/tcp\/(\d+)/.exec(first.router.multiaddrs[0] ?? '')?.[1])
  await assert.rejects(start({ host: '127.0.0.1', listen: { host: '127.0.0.1', port } }), {
    code: 'ROUTER_LISTEN',
    message: `router cannot listen on 127.0.0.1:${port} (EADDRINUSE)`,
  })
})

test('a router has the peer id of the identity it is given', async () => {
  const identity = await generateKeyPair('Ed25519')
  await using node = await start({ host: '127.0.0.1', identity })
  assert.equal(node.router.peerId, peerIdFromPrivateKey(identity).toString())
})

test('a router whose start is given up does not listen', async () => {
  const reason = new Error('shutting down')
  await assert.rejects(start({ host: '127.0.0.1', signal: AbortSignal.abort(reason) }), reason)
})

test('a lookup is over soon after its signal aborts though a member does not answer', async () => {
  await using silent = await ScriptedKadPeer.start({ host: '127.0.0.3', script: () => undefined })
  const bootstrapper = staticBootstrapper([silent.multiaddr], 0)
  await using node = await start({ host: '127.0.0.1', bootstrapper })
  await until(() => node.router.list().length === 1)
  const giveUp = new AbortController()
  const looking = Array.fromAsync(node.router.lookup(KEY, { signal: giveUp.signal }))
  await until(() => silent.received.some(({ type }) => type === 'GET_PROVIDERS'))
  giveUp.abort()
  assert.deepEqual(await looking, [])
})

test('a node that restarts with its identity is told again of what others hold', async () => {
  const identity = await generateKeyPair('Ed25519')
  await using first = await start({ host: '127.0.0.1' })
  const second = await start({ host: '127.0.0.2', identity, ...joining(first.router) })
  await until(() => first.router.list().length === 1)
  await first.router.advertise([KEY], { signal: patience() })
  assert.equal(await gauge(second.metrics, 'spegel_provider_records'), 1)
  const port = Number(/tcp\/(\d+)/.exec(second.router.multiaddrs[0] ?? '')?.[1])
  await second.router[Symbol.asyncDispose]()
  const listen = { host: '127.0.0.2', port }
  await using again = await start({ host: '127.0.0.2', listen, identity, ...joining(first.router) })
  await until(async () => (await gauge(again.metrics, 'spegel_provider_records')) === 1)
})

test('a node that leaves takes back what it advertised', async () => {
  await using first = await start({ host: '127.0.0.1' })
  await using second = await start({ host: '127.0.0.2', ...joining(first.router) })
  await until(() => second.router.list().length === 1)
  await second.router.advertise([KEY], { signal: patience() })
  assert.equal(await gauge(first.metrics, 'spegel_provider_records'), 1)
  await second.router.leave()
  assert.equal(await gauge(first.metrics, 'spegel_provider_records'), 0)
})

test('the registry of a peer is where it says, even if this node has its own elsewhere', async () => {
  await using first = await start({ host: '127.0.0.1', registryPort: 5001 })
  await using second = await start({ host: '127.0.0.2', registryPort: 5002, ...joining(first.router) })
  await until(() => second.router.list().length === 1 && first.router.list().length === 1)
  assert.deepEqual(second.router.list(), [{ id: first.router.peerId, registry: { host: '127.0.0.1', port: 5001 } }])
  assert.deepEqual(first.router.list(), [{ id: second.router.peerId, registry: { host: '127.0.0.2', port: 5002 } }])
})
