import assert from 'node:assert/strict'
import { test } from 'node:test'
import { patience } from '../../../test/contracts/store-contract.ts'
import { DnsServer } from '../../../test/routing/dns-server.ts'
import { dnsBootstrapper } from './bootstrap-dns.ts'

const DOMAIN = 'spegel-bootstrap.spegel.svc.cluster.local.'

test('the addresses that a domain has when they are asked for are peers of any id at the own port', async () => {
  await using server = await DnsServer.start('127.0.0.1')
  const bootstrapper = dnsBootstrapper({ domain: DOMAIN, port: 5001, servers: [server.address] })
  server.names.set(DOMAIN, [])
  assert.deepEqual(await bootstrapper.peers({ signal: patience() }), [])
  server.names.set(DOMAIN, ['fd00::1', '10.0.0.1'])
  assert.deepEqual(await bootstrapper.peers({ signal: patience() }), [
    { id: undefined, endpoints: [{ host: '10.0.0.1', port: 5001 }] },
    { id: undefined, endpoints: [{ host: 'fd00::1', port: 5001 }] },
  ])
})
