import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { patience } from '../../../test/contracts/store-contract.ts'
import { MemoryLog } from '../../../test/fakes/memory-log.ts'
import { DnsServer } from '../../../test/routing/dns-server.ts'
import { until } from '../../../test/until.ts'
import { createMetrics } from '../../observability/metrics.ts'
import { dnsBootstrapper } from './bootstrap-dns.ts'
import { staticBootstrapper } from './bootstrap-static.ts'
import { createLibp2pRouter, type Libp2pRouterOptions } from './libp2p-router.ts'

const DOMAIN = 'spegel-bootstrap.spegel.svc.cluster.local.'
const TWIN = /^another node has the identity of this one/

/** Starts a whole router, on every address where `host` is empty. */
async function start(host: string, options: Partial<Libp2pRouterOptions> = {}) {
  const log = new MemoryLog()
  const router = await createLibp2pRouter(
    { log, metrics: createMetrics() },
    { listen: { host, port: 0 }, registryPort: 5000, signal: patience(), ...options },
  )
  return {
    router,
    port: router.endpoints[0]?.port ?? 0,
    addresses: router.multiaddrs,
    messages: () => log.lines.filter(({ level }) => level !== 'debug').map(({ message }) => message),
    [Symbol.asyncDispose]: () => router[Symbol.asyncDispose](),
  }
}

test('a node is not ready while DNS fails or names nobody, logs each change once, and joins as soon as it names a peer', async () => {
  await using dns = await DnsServer.start('127.0.0.1')
  await using peer = await start('127.0.0.1')
  dns.names.set(DOMAIN, 'failure')
  const bootstrapper = dnsBootstrapper({ domain: DOMAIN, port: peer.port, servers: [dns.address] })
  await using node = await start('127.0.0.2', { bootstrapper })
  const questions = () => dns.questions.filter(question => question.startsWith('udp A ')).length
  const askedAgain = async (): Promise<void> => {
    const before = questions()
    await until(() => questions() > before + 1)
  }
  await askedAgain()
  assert.equal(node.router.ready(), false)
  dns.names.set(DOMAIN, [])
  await askedAgain()
  assert.equal(node.router.ready(), false)
  dns.names.set(DOMAIN, ['127.0.0.1'])
  await until(() => node.router.ready())
  await until(() => node.messages().includes('bootstrap reached the mesh'))
  assert.deepEqual(
    node.messages().filter(message => message.includes('bootstrap')),
    ['bootstrap failed', 'bootstrap names no peer', 'bootstrap reached the mesh'],
  )
})

test('a node joins by a name with more addresses than a UDP answer holds', async () => {
  await using dns = await DnsServer.start('127.0.0.1')
  await using peer = await start('')
  const many = Array.from({ length: 300 }, (_, index) => `127.1.${index >> 8}.${index & 255}`)
  dns.names.set(DOMAIN, many)
  const bootstrapper = dnsBootstrapper({ domain: DOMAIN, port: peer.port, servers: [dns.address] })
  await using node = await start('127.0.0.1', { bootstrapper })
  await until(() => node.router.ready())
  assert.deepEqual(
    node.router.list().map(({ id }) => id),
    [peer.router.peerId],
  )
  assert.ok(dns.questions.includes(`tcp A ${DOMAIN}`))
})

test('twins that know each other only by a third node both name it', async () => {
  const identity = await generateKeyPair('Ed25519')
  await using third = await start('127.0.0.3')
  const bootstrapper = staticBootstrapper(third.addresses, 0)
  await using one = await start('127.0.0.1', { identity, bootstrapper })
  await until(() => third.router.list().length === 1)
  await using other = await start('127.0.0.2', { identity, bootstrapper })
  for (const twin of [one, other]) await until(() => twin.messages().some(message => TWIN.test(message)))
  assert.ok(!third.messages().some(message => TWIN.test(message)))
})

test('a twin that is named by its id is sought', async () => {
  const identity = await generateKeyPair('Ed25519')
  await using one = await start('127.0.0.1', { identity })
  await using other = await start('127.0.0.2', { identity, bootstrapper: staticBootstrapper(one.addresses, 0) })
  for (const twin of [one, other]) await until(() => twin.messages().some(message => TWIN.test(message)))
})
