import assert from 'node:assert/strict'
import type { NetworkInterfaceInfo } from 'node:os'
import { test } from 'node:test'
import { announcedEndpoints } from './announced-endpoints.ts'

function address(text: string, internal = false): NetworkInterfaceInfo {
  const common = { address: text, netmask: '', mac: '', internal, cidr: null }
  return text.includes(':') ? { ...common, family: 'IPv6', scopeid: 0 } : { ...common, family: 'IPv4' }
}

const INTERFACES = {
  lo: [address('127.0.0.1', true), address('::1', true)],
  eth0: [address('198.18.0.5'), address('2001:db8::5'), address('fe80::1')],
  eth1: [address('10.0.0.5'), address('169.254.1.1'), address('198.18.0.5')],
  down: undefined,
}

const CASES = [
  { host: '', announced: ['198.18.0.5', '2001:db8::5', '10.0.0.5'] },
  { host: '0.0.0.0', announced: ['198.18.0.5', '10.0.0.5'] },
  { host: '::', announced: ['2001:db8::5'] },
  { host: '127.0.0.2', announced: ['127.0.0.2'] },
  { host: '8.8.4.4', announced: ['8.8.4.4'] },
]
for (const { host, announced } of CASES) {
  test(`a router that listens at "${host}" announces ${announced.join(', ')}`, () => {
    assert.deepEqual(
      announcedEndpoints({ host, port: 5001 }, INTERFACES),
      announced.map(each => ({ host: each, port: 5001 })),
    )
  })
}
