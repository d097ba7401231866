import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { InvalidKadMessageError } from './errors.ts'
import {
  decodeKadMessage,
  encodeKadMessage,
  frameKadMessage,
  type KadMessage,
  type KadMessageType,
  kadMessage,
  MAX_KEY_BYTES,
} from './kad-message.ts'

const bytes = (minLength: number, maxLength: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength, maxLength })

const plain = { noNullPrototype: true }
const peer = fc.record({ id: bytes(1, 64), addresses: fc.array(bytes(1, 128), { maxLength: 16 }) }, plain)
const type = fc.constantFrom<KadMessageType[]>(
  'PUT_VALUE',
  'GET_VALUE',
  'ADD_PROVIDER',
  'GET_PROVIDERS',
  'FIND_NODE',
  'PING',
)
const peers = fc.array(peer, { maxLength: 20 })
const message: fc.Arbitrary<KadMessage> = fc.record(
  { type, key: bytes(0, MAX_KEY_BYTES), closer: peers, providers: peers },
  plain,
)

function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))
}

test('every message is decoded to what was encoded', () => {
  fc.assert(fc.property(message, sent => assert.deepEqual(decodeKadMessage(encodeKadMessage(sent)), sent)))
})

test('any bytes are decoded or refused as invalid, within bounds', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), data => {
      try {
        const { key, closer, providers } = decodeKadMessage(data)
        assert.ok(key.length <= MAX_KEY_BYTES && closer.length <= 128 && providers.length <= 128)
      } catch (error) {
        assert.ok(error instanceof InvalidKadMessageError)
      }
    }),
    { numRuns: 2000 },
  )
})

test('a message cut short or with a flipped byte is decoded or refused as invalid', () => {
  fc.assert(
    fc.property(message, fc.nat(), fc.nat({ max: 255 }), (sent, at, value) => {
      const encoded = encodeKadMessage(sent)
      const changed = Uint8Array.from(encoded)
      changed[at % encoded.length] = value
      for (const data of [changed, encoded.subarray(0, at % encoded.length)]) {
        try {
          decodeKadMessage(data)
        } catch (error) {
          assert.ok(error instanceof InvalidKadMessageError)
        }
      }
    }),
  )
})

const KNOWN = [
  { name: 'PING of go-libp2p-kad-dht, with a cluster level', data: '0805 5001', is: kadMessage('PING') },
  { name: 'a message without a type', data: '1201aa', is: kadMessage('PUT_VALUE', { key: hex('aa') }) },
  {
    name: 'GET_PROVIDERS with a closer peer, its connection type and a later field',
    data: '0803 1202abcd 420b 0a02 0102 1203 a1a2a3 1801 7a01ff',
    is: kadMessage('GET_PROVIDERS', { key: hex('abcd'), closer: [{ id: hex('0102'), addresses: [hex('a1a2a3')] }] }),
  },
  {
    name: 'ADD_PROVIDER beside a value record, which is skipped',
    data: '0802 1201aa 1a03 0a01bb 4a04 0a02 0102',
    is: kadMessage('ADD_PROVIDER', { key: hex('aa'), providers: [{ id: hex('0102'), addresses: [] }] }),
  },
  { name: 'a negative cluster level, ten bytes long', data: '0805 50ffffffffffffffffff01', is: kadMessage('PING') },
  { name: 'fixed-width fields, which are skipped', data: '0805 590102030405060708 5d01020304', is: kadMessage('PING') },
  {
    name: 'a peer without an id, which is left out',
    data: '0803 1201aa 4a03 1201a1',
    is: kadMessage('GET_PROVIDERS', { key: hex('aa') }),
  },
]
for (const { name, data, is } of KNOWN) {
  test(`${name} is understood`, () => assert.deepEqual(decodeKadMessage(hex(data)), is))
}

const REFUSED = [
  { name: 'a type that does not exist', data: '0806' },
  { name: 'a varint of eleven bytes', data: '08ffffffffffffffffffff01' },
  { name: 'a varint without an end', data: '08ff' },
  { name: 'a field longer than the message', data: '0803 127f aa' },
  { name: 'a field longer than any number', data: '0803 12ffffffffffffffffff01 aa' },
  { name: 'a peer cut short', data: '0803 4a02 0a05' },
  { name: 'field number 0', data: '0201aa' },
  { name: 'a group', data: '0b' },
  { name: 'a key of 81 bytes', data: `0803 1251 ${'aa'.repeat(81)}` },
]
for (const { name, data } of REFUSED) {
  test(`${name} is refused`, () => assert.throws(() => decodeKadMessage(hex(data)), InvalidKadMessageError))
}

test('peers and addresses beyond the limits are left out', () => {
  const many = Array.from({ length: 200 }, (_, index) => ({
    id: Uint8Array.of(index),
    addresses: Array.from({ length: 20 }, () => Uint8Array.of(1)),
  }))
  const { closer, providers } = decodeKadMessage(
    encodeKadMessage(kadMessage('GET_PROVIDERS', { closer: many, providers: many })),
  )
  assert.deepEqual([closer.length, providers.length, closer[0]?.addresses.length], [128, 128, 16])
})

test('addresses and ids that are too long are left out', () => {
  const providers = [
    { id: new Uint8Array(64), addresses: [new Uint8Array(128), new Uint8Array(129)] },
    { id: new Uint8Array(65), addresses: [] },
  ]
  const decoded = decodeKadMessage(encodeKadMessage(kadMessage('GET_PROVIDERS', { providers })))
  assert.deepEqual(decoded.providers, [{ id: new Uint8Array(64), addresses: [new Uint8Array(128)] }])
})

test('a decoded message owns its bytes', () => {
  const data = Uint8Array.from(encodeKadMessage(kadMessage('FIND_NODE', { key: hex('0102') })))
  const { key } = decodeKadMessage(data)
  data.fill(0)
  assert.deepEqual(key, hex('0102'))
})

test('a framed message is preceded by its length', () => {
  assert.deepEqual(Uint8Array.from(frameKadMessage(kadMessage('PING'))), hex('02 0805'))
})
