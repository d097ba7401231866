import assert from 'node:assert/strict'
import { test } from 'node:test'
import { multiaddr } from '@multiformats/multiaddr'
import * as fc from 'fast-check'
import { decodeEndpoint, endpointOf, formatEndpoint, multiaddrOf } from './router-address.ts'

const ID = '12D3KooWF2mn5bg2MorVRwxE5JKjNh85QsGdUf4E5rmg8L7BKBV9'

const ADDRESSES = [
  { address: '/ip4/10.0.0.1/tcp/5001', is: { host: '10.0.0.1', port: 5001 } },
  { address: `/ip4/10.0.0.1/tcp/5001/p2p/${ID}`, is: { host: '10.0.0.1', port: 5001 } },
  { address: '/ip6/fd00::1/tcp/1', is: { host: 'fd00::1', port: 1 } },
  { address: '/ip4/10.0.0.1/tcp/0', is: undefined },
  { address: '/ip4/10.0.0.1', is: undefined },
  { address: '/ip4/10.0.0.1/udp/5001', is: undefined },
  { address: '/ip4/10.0.0.1/udp/5001/quic-v1', is: undefined },
  { address: '/ip4/10.0.0.1/tcp/5001/ws', is: undefined },
  { address: '/dns4/node/tcp/5001', is: undefined },
  { address: `/ip4/10.0.0.1/tcp/5001/p2p/${ID}/p2p-circuit`, is: undefined },
  { address: '/ip6zone/eth0/ip6/fe80::1/tcp/5001', is: undefined },
  { address: `/p2p/${ID}`, is: undefined },
]
for (const { address, is } of ADDRESSES) {
  test(`${address} is ${is === undefined ? 'no plain TCP address' : formatEndpoint(is)}`, () => {
    assert.deepEqual(endpointOf(multiaddr(address)), is)
    assert.deepEqual(decodeEndpoint(multiaddr(address).bytes), is)
  })
}

test('any bytes are an endpoint or none', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), bytes => {
      const endpoint = decodeEndpoint(bytes)
      assert.ok(endpoint === undefined || (endpoint.port > 0 && endpoint.port < 65_536))
    }),
  )
})

test('an endpoint survives the way to a multiaddr and back', () => {
  const host = fc.oneof(fc.ipV4(), fc.constantFrom('::1', 'fd00::2', '2001:db8::ff'))
  fc.assert(
    fc.property(host, fc.integer({ min: 1, max: 65_535 }), fc.constantFrom(undefined, ID), (host, port, id) => {
      assert.deepEqual(endpointOf(multiaddrOf({ host, port }, id)), { host, port })
    }),
  )
})
