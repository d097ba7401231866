import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { patience } from '../../../test/contracts/store-contract.ts'
import { DnsServer } from '../../../test/routing/dns-server.ts'
import { parseStaticPeer, staticBootstrapper } from './bootstrap-static.ts'
import { InvalidBootstrapPeerError } from './errors.ts'

const ID = '12D3KooWF2mn5bg2MorVRwxE5JKjNh85QsGdUf4E5rmg8L7BKBV9'

const ENTRIES = [
  { entry: `/ip4/10.0.0.1/tcp/5002/p2p/${ID}`, is: { id: ID, host: '10.0.0.1', family: 4, port: 5002 } },
  { entry: '/ip4/10.0.0.1/tcp/5002', is: { host: '10.0.0.1', family: 4, port: 5002 } },
  { entry: '/ip4/10.0.0.1', is: { host: '10.0.0.1', family: 4, port: 5001 } },
  { entry: `/ip4/10.0.0.1/p2p/${ID}`, is: { id: ID, host: '10.0.0.1', family: 4, port: 5001 } },
  { entry: `/ip6/fd00::1/tcp/5002/p2p/${ID}`, is: { id: ID, host: 'fd00::1', family: 6, port: 5002 } },
  { entry: '/dns/node.example', is: { host: 'node.example', family: 0, port: 5001 } },
  { entry: '/dns4/node.example/tcp/5002', is: { host: 'node.example', family: 4, port: 5002 } },
  { entry: `/dns6/node.example/tcp/5002/p2p/${ID}`, is: { id: ID, host: 'node.example', family: 6, port: 5002 } },
  { entry: '10.0.0.1', is: { host: '10.0.0.1', family: 0, port: 5001 } },
  { entry: '10.0.0.1:5002', is: { host: '10.0.0.1', family: 0, port: 5002 } },
  { entry: 'spegel-0.spegel_x', is: { host: 'spegel-0.spegel_x', family: 0, port: 5001 } },
  { entry: 'node.example.:5002', is: { host: 'node.example.', family: 0, port: 5002 } },
  { entry: 'fd00::1', is: { host: 'fd00::1', family: 6, port: 5001 } },
  { entry: '[fd00::1]', is: { host: 'fd00::1', family: 0, port: 5001 } },
  { entry: '[fd00::1]:5002', is: { host: 'fd00::1', family: 0, port: 5002 } },
]
for (const { entry, is } of ENTRIES) {
  test(`${entry} is ${is.host} port ${is.port}`, () => {
    assert.deepEqual(parseStaticPeer(entry, 5001), { id: undefined, ...is })
  })
}

const REFUSED = [
  '',
  '/',
  '/ip4',
  '/ip4/10.0.0.256/tcp/5001',
  '/ip4/10.0.0.1/udp/5001',
  '/ip4/10.0.0.1/tcp/5001/ws',
  '/ip4/10.0.0.1/tcp/0',
  '/ip4/10.0.0.1/tcp/5001/p2p/nobody',
  `/ip4/10.0.0.1/tcp/5001/p2p/${ID}/p2p-circuit`,
  '/unix/run/spegel.sock',
  `/p2p/${ID}`,
  '10.0.0.1:',
  '10.0.0.1:0',
  '10.0.0.1:65536',
  '10.0.0.1:http',
  '[10.0.0.1]',
  '[fd00::1',
  'node example',
  'node..example',
  'http://node.example',
]
for (const entry of REFUSED) {
  test(`${JSON.stringify(entry)} is refused by name`, () => {
    assert.throws(
      () => parseStaticPeer(entry, 5001),
      (error: unknown) => error instanceof InvalidBootstrapPeerError && error.message.includes(JSON.stringify(entry)),
    )
  })
}

test('any text is a peer or refused', () => {
  const text = fc.oneof(
    fc.string(),
    fc.string().map(rest => `/ip4/${rest}`),
    fc.webAuthority({ withPort: true }),
  )
  fc.assert(
    fc.property(text, entry => {
      try {
        const { host, port } = parseStaticPeer(entry, 5001)
        assert.ok(host.length > 0 && port >= 1 && port <= 65_535)
      } catch (error) {
        assert.ok(error instanceof InvalidBootstrapPeerError)
      }
    }),
  )
})

test('names are resolved when peers are asked for; those that do not resolve are left out', async () => {
  await using dns = await DnsServer.start('127.0.0.1')
  dns.names.set('node.example.', ['fd00::1', '10.0.0.2', '10.0.0.3'])
  const entries = ['/dns4/node.example/tcp/5002', `/dns/node.example/p2p/${ID}`, '10.0.0.1', 'does-not-exist.invalid']
  const bootstrapper = staticBootstrapper(entries, 5001, { servers: [dns.address] })
  assert.deepEqual(await bootstrapper.peers({ signal: patience() }), [
    { id: undefined, endpoints: [{ host: '10.0.0.2', port: 5002 }] },
    { id: undefined, endpoints: [{ host: '10.0.0.3', port: 5002 }] },
    { id: ID, endpoints: ['10.0.0.2', '10.0.0.3', 'fd00::1'].map(host => ({ host, port: 5001 })) },
    { id: undefined, endpoints: [{ host: '10.0.0.1', port: 5001 }] },
  ])
})

test('it is an error where no name resolves', async () => {
  await using dns = await DnsServer.start('127.0.0.1')
  const bootstrapper = staticBootstrapper(['does-not-exist.invalid'], 5001, { servers: [dns.address] })
  await assert.rejects(bootstrapper.peers({ signal: patience() }), { code: 'ENOTFOUND' })
})
