import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import { test } from 'node:test'
import { collectTable, readFlags } from '../flags/read-flags.ts'
import { UsageError } from '../flags/usage-error.ts'
import { createBootstrapper } from './bootstrapper.ts'
import { REGISTRY_FLAGS } from './flags.ts'

function create(args: readonly string[]) {
  return createBootstrapper(readFlags(REGISTRY_FLAGS, collectTable(args, REGISTRY_FLAGS), {}))
}

const REFUSED = [
  {
    args: ['--bootstrap-kind=dns'],
    message:
      '--dns-bootstrap-domain is required with --bootstrap-kind dns: want a DNS name such as spegel-bootstrap.spegel.svc.cluster.local.',
  },
  {
    args: ['--bootstrap-kind=http', '--http-bootstrap-addr=:8080'],
    message: '--http-bootstrap-url is required with --bootstrap-kind http: want an http:// or https:// URL',
  },
  {
    args: ['--bootstrap-kind=static', '--static-bootstrap-peers', '10.0.0.1', 'a b'],
    message:
      '--static-bootstrap-peers: invalid bootstrap peer "a b": want host, host:port or a multiaddr such as /ip4/10.0.0.1/tcp/5001/p2p/<id>',
  },
]
for (const { args, message } of REFUSED) {
  test(`${args.join(' ')} is refused in one line`, () => {
    assert.throws(() => create(args), new UsageError(message))
  })
}

test('flags of the other kinds do not matter', async () => {
  const others = ['--dns-bootstrap-domain=a.b', '--http-bootstrap-url=http://a.b/id', '--http-bootstrap-cert-dir=/c']
  assert.equal(create(['--bootstrap-kind=static', ...others]), undefined)
  const peers = ['--static-bootstrap-peers', '10.0.0.1']
  const bootstrapper = create(['--bootstrap-kind=static', '--router-addr=:7001', ...others, ...peers])
  assert.deepEqual(await bootstrapper?.peers({ signal: AbortSignal.timeout(1000) }), [
    { id: undefined, endpoints: [{ host: '10.0.0.1', port: 7001 }] },
  ])
  assert.ok(create(['--bootstrap-kind=dns', ...others, '--static-bootstrap-peers', 'a b']) !== undefined)
  assert.ok(create(['--bootstrap-kind=http', ...others]) !== undefined)
})

test('--http-bootstrap-peer bootstraps from the /id of that node', async () => {
  await using peer = http.createServer((request, response) => {
    response.statusCode = request.url === '/id' ? 200 : 404
    response.end('[{"Addrs":["/ip4/10.0.0.9"]}]')
  })
  peer.listen(0, '127.0.0.1')
  await once(peer, 'listening')
  const args = ['--bootstrap-kind=http', `--http-bootstrap-peer=http://127.0.0.1:${portOf(peer)}`]
  const peers = await create(args)?.peers({ signal: AbortSignal.timeout(5000) })
  assert.deepEqual(peers?.[0]?.endpoints, [{ host: '10.0.0.9', port: 5001 }])
})

function portOf(server: http.Server): number {
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  return address.port
}
