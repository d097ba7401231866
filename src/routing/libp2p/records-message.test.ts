import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { InvalidKadMessageError } from './errors.ts'
import { MAX_KEY_BYTES } from './kad-message.ts'
import {
  decodeRecordsMessage,
  encodeRecordsMessage,
  frameRecordsMessage,
  MAX_KEYS,
  MAX_RECORDS_MESSAGE_BYTES,
  type RecordsMessage,
} from './records-message.ts'

const plain = { noNullPrototype: true }
const bytes = (maxLength: number): fc.Arbitrary<Buffer> => fc.uint8Array({ maxLength }).map(data => Buffer.from(data))
const keys = fc.array(bytes(MAX_KEY_BYTES), { maxLength: 20 })
const message: fc.Arbitrary<RecordsMessage> = fc.oneof(
  fc.record(
    {
      type: fc.constant('hello' as const),
      registryPort: fc.integer({ min: 1, max: 65_535 }),
      process: fc.nat({ max: 2 ** 32 - 1 }),
    },
    plain,
  ),
  fc.record({ type: fc.constant('add' as const), keys, addresses: fc.array(bytes(128), { maxLength: 16 }) }, plain),
  fc.record(
    { type: fc.constant('added' as const), enough: fc.array(fc.nat({ max: MAX_KEYS - 1 }), { maxLength: 20 }) },
    plain,
  ),
  fc.record({ type: fc.constant('remove' as const), keys }, plain),
  fc.record({ type: fc.constant('removed' as const) }, plain),
  fc.record({ type: fc.constant('gone' as const), keys, provider: bytes(64) }, plain),
)

test('every message is decoded to what was encoded', () => {
  fc.assert(fc.property(message, sent => assert.deepEqual(decodeRecordsMessage(encodeRecordsMessage(sent)), sent)))
})

test('any bytes are decoded or refused as invalid', () => {
  const hostile = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.tuple(message, fc.nat(), fc.nat({ max: 255 })).map(([sent, at, value]) => {
      const changed = Uint8Array.from(encodeRecordsMessage(sent))
      changed[at % changed.length] = value
      return changed
    }),
    fc.tuple(message, fc.nat()).map(([sent, at]) => {
      const encoded = encodeRecordsMessage(sent)
      return encoded.subarray(0, at % encoded.length)
    }),
  )
  fc.assert(
    fc.property(hostile, data => {
      try {
        decodeRecordsMessage(data)
      } catch (error) {
        assert.ok(error instanceof InvalidKadMessageError)
      }
    }),
    { numRuns: 3000 },
  )
})

test('a message of as many keys as are allowed is within the limit of a frame', () => {
  const longest = {
    type: 'add',
    keys: Array.from({ length: MAX_KEYS }, () => Buffer.alloc(MAX_KEY_BYTES)),
    addresses: Array.from({ length: 16 }, () => Buffer.alloc(128)),
  } as const
  assert.ok(frameRecordsMessage(longest).length < MAX_RECORDS_MESSAGE_BYTES)
  assert.deepEqual(decodeRecordsMessage(encodeRecordsMessage(longest)), longest)
})

const HELLO = { type: 'hello', registryPort: 5000, process: 7 } as const
const REFUSED: readonly { readonly name: string; readonly data: Uint8Array }[] = [
  { name: 'nothing', data: new Uint8Array() },
  { name: 'a type that does not exist', data: Uint8Array.of(7 * 8 + 2, 0) },
  { name: 'a hello without a port', data: encodeRecordsMessage({ ...HELLO, registryPort: 0 }) },
  { name: 'a port beyond all', data: encodeRecordsMessage({ ...HELLO, registryPort: 65_536 }) },
  {
    name: 'one key too many',
    data: encodeRecordsMessage({ type: 'remove', keys: Array.from({ length: MAX_KEYS + 1 }, () => Buffer.of(1)) }),
  },
  { name: 'a key of 81 bytes', data: encodeRecordsMessage({ type: 'remove', keys: [Buffer.alloc(81)] }) },
  { name: 'a place beyond all keys', data: encodeRecordsMessage({ type: 'added', enough: [MAX_KEYS] }) },
  { name: 'a provider that is not named', data: Uint8Array.of(6 * 8 + 2, 0) },
]
for (const { name, data } of REFUSED) {
  test(`${name} is refused`, () => assert.throws(() => decodeRecordsMessage(data), InvalidKadMessageError))
}

test('fields of later versions are skipped', () => {
  const hello = encodeRecordsMessage(HELLO).subarray(2)
  const later = Buffer.concat([hello, Uint8Array.of(0x7a, 1, 0xff)])
  assert.deepEqual(
    decodeRecordsMessage(Buffer.concat([Uint8Array.of(0x7a, 1, 0xff, 0x0a, later.length), later])),
    HELLO,
  )
})
