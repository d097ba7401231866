import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { formatHostPort } from '../../http/host-port.ts'
import { type Address, parseAddress } from './address.ts'

const GOOD: readonly (readonly [string, Address])[] = [
  [':5000', { host: '', port: 5000 }],
  ['127.0.0.1:0', { host: '127.0.0.1', port: 0 }],
  ['localhost:65535', { host: 'localhost', port: 65_535 }],
  ['node-1.example.com:80', { host: 'node-1.example.com', port: 80 }],
  ['[::1]:5000', { host: '::1', port: 5000 }],
  ['[::]:5000', { host: '::', port: 5000 }],
]

for (const [text, address] of GOOD) {
  test(`${text} is an address`, () => assert.deepEqual(parseAddress(text), address))
}

const BAD = [
  '',
  '5000',
  'host',
  'host:',
  ':65536',
  ':-1',
  ':http',
  '::1:5000',
  '[127.0.0.1]:1',
  '[]:1',
  '[::1]',
  '[::1]:',
]
for (const text of [...BAD, '256.0.0.1:1', '1.2.3:4', 'a b:1', '-a:1', 'a..b:1', 'http://a:1', 'a:1\n', ' :1']) {
  test(`${JSON.stringify(text)} is no address`, () => assert.equal(parseAddress(text), undefined))
}

test('a formatted address reads back', () => {
  const host = fc.oneof(fc.constant(''), fc.ipV4(), fc.ipV6(), fc.domain())
  fc.assert(
    fc.property(fc.record({ host, port: fc.nat({ max: 65_535 }) }), address => {
      assert.deepEqual(parseAddress(formatHostPort(address)), { ...address })
    }),
  )
})
