import assert from 'node:assert/strict'
import { test } from 'node:test'
import { patience } from '../../../test/contracts/store-contract.ts'
import { DnsServer } from '../../../test/routing/dns-server.ts'
import { until } from '../../../test/until.ts'
import { lookupName } from './name-lookup.ts'

const DOMAIN = 'spegel-bootstrap.spegel.svc.cluster.local.'

function addresses(server: DnsServer, family: 0 | 4 | 6 = 0): Promise<readonly string[]> {
  return lookupName(DOMAIN, { servers: [server.address], family, signal: patience() })
}

test('the addresses of both families are found, IPv4 first, sorted, none twice', async () => {
  await using server = await DnsServer.start('127.0.0.1')
  server.names.set(DOMAIN, ['fd00::2', '10.0.0.2', 'fd00::1', '10.0.0.1', '10.0.0.2'])
  assert.deepEqual(await addresses(server), ['10.0.0.1', '10.0.0.2', 'fd00::1', 'fd00::2'])
})

test('of one family alone no other is asked for', async () => {
  await using server = await DnsServer.start('127.0.0.1')
  server.names.set(DOMAIN, ['fd00::1', '10.0.0.1'])
  assert.deepEqual(await addresses(server, 4), ['10.0.0.1'])
  assert.deepEqual(await addresses(server, 6), ['fd00::1'])
  assert.deepEqual(server.questions, [`udp A ${DOMAIN}`, `udp AAAA ${DOMAIN}`])
})

test('a name in the hosts file is not asked for', async () => {
  await using server = await DnsServer.start('127.0.0.1')
  const found = await lookupName('localhost', { servers: [server.address], family: 4, signal: patience() })
  assert.deepEqual(found, ['127.0.0.1'])
  assert.deepEqual(server.questions, [])
})

test('more addresses than a UDP answer holds are fetched over TCP', async () => {
  await using server = await DnsServer.start('127.0.0.1')
  const many = Array.from({ length: 300 }, (_, index) => `10.0.${index >> 8}.${index & 255}`)
  server.names.set(DOMAIN, many)
  const found = await addresses(server)
  assert.deepEqual(new Set(found), new Set(many))
  assert.ok(server.questions.includes(`udp A ${DOMAIN}`))
  assert.ok(server.questions.includes(`tcp A ${DOMAIN}`))
})

test('a name may have no address', async () => {
  await using server = await DnsServer.start('127.0.0.1')
  server.names.set(DOMAIN, [])
  assert.deepEqual(await addresses(server), [])
})

test('a name that is not there, a server that fails and one that is not there are errors', async () => {
  await using server = await DnsServer.start('127.0.0.1')
  await assert.rejects(addresses(server), { code: 'ENOTFOUND', hostname: DOMAIN })
  server.names.set(DOMAIN, 'failure')
  await assert.rejects(addresses(server), { code: 'ESERVFAIL', hostname: DOMAIN })
  const nowhere = lookupName(DOMAIN, { servers: ['127.0.0.1:1'], signal: patience() })
  await assert.rejects(nowhere, { code: 'ECONNREFUSED' })
})

test('a server that does not answer is given up when the signal aborts', async () => {
  await using server = await DnsServer.start('127.0.0.1')
  server.names.set(DOMAIN, 'silence')
  const giveUp = new AbortController()
  const lookup = lookupName(DOMAIN, { servers: [server.address], signal: giveUp.signal })
  const asking = assert.rejects(lookup, { name: 'AbortError' })
  await until(() => server.questions.length > 0)
  giveUp.abort()
  await asking
})
