import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { CID } from 'multiformats/cid'
import { code as raw } from 'multiformats/codecs/raw'
import { sha256 } from 'multiformats/hashes/sha2'
import { compareDistance, recordKey } from './record-key.ts'

const position = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(bytes => Buffer.from(bytes))

function distance(a: Buffer, b: Buffer): bigint {
  return BigInt(`0x${a.toString('hex')}`) ^ BigInt(`0x${b.toString('hex')}`)
}

test('a record key is the multihash of the CID that Go Spegel makes of the key', async () => {
  for (const key of ['', `sha256:${'0'.repeat(64)}`, 'docker.io/library/busybox:1.37', 'ä']) {
    const cid = CID.createV1(raw, await sha256.digest(new TextEncoder().encode(key)))
    assert.deepEqual(Uint8Array.from(recordKey(key).bytes), cid.multihash.bytes)
  }
})

test('the position of a record key is the SHA-256 of its bytes', () => {
  const { bytes, position } = recordKey('key')
  assert.deepEqual(position, createHash('sha256').update(bytes).digest())
})

test('positions are ordered by XOR distance', () => {
  fc.assert(
    fc.property(position, position, position, (target, a, b) => {
      const [near, far] = [distance(target, a), distance(target, b)]
      assert.equal(Math.sign(compareDistance(target, a, b)), near < far ? -1 : near > far ? 1 : 0)
    }),
  )
})

test('positions that differ in the last bit only are told apart', () => {
  const zero = Buffer.alloc(32)
  const one = Buffer.alloc(32)
  one.writeUInt8(1, 31)
  assert.deepEqual(
    [compareDistance(zero, zero, one), compareDistance(one, zero, one), compareDistance(one, one, one)].map(Math.sign),
    [-1, 1, 0],
  )
})
