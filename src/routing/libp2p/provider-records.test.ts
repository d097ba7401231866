import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { ManualClock } from '../../../test/fakes/manual-clock.ts'
import { seededRandom } from '../../../test/fakes/seeded-random.ts'
import type { KadPeer } from './kad-message.ts'
import { ProviderRecords, RECORD_TTL_MS } from './provider-records.ts'

const KEY = Uint8Array.of(1)

function peer(index: number): KadPeer {
  return { id: Buffer.from(`peer ${index}`), addresses: [] }
}

function setup() {
  const clock = new ManualClock()
  const counts: number[] = []
  const gauge = { set: (count: number) => void counts.push(count) }
  const records = new ProviderRecords({ clock, random: seededRandom(), gauge })
  return { clock, counts, records }
}

test('a record is returned until its time is over, and longer once it is announced again', () => {
  const { clock, records } = setup()
  records.add(KEY, peer(1))
  records.add(KEY, peer(2))
  clock.advance(RECORD_TTL_MS - 1)
  assert.equal(records.sample(KEY, 20).length, 2)
  records.add(KEY, peer(2))
  clock.advance(1)
  assert.deepEqual(records.sample(KEY, 20), [peer(2)])
  clock.advance(RECORD_TTL_MS)
  assert.deepEqual(records.sample(KEY, 20), [])
})

test('keys are told apart', () => {
  const { records } = setup()
  records.add(KEY, peer(1))
  assert.deepEqual(records.sample(Uint8Array.of(2), 20), [])
  assert.deepEqual(records.sample(Uint8Array.of(1, 0), 20), [])
})

test('the addresses of the latest announcement count for all records of a peer', () => {
  const { records } = setup()
  records.add(KEY, peer(1))
  const moved = { ...peer(1), addresses: [Uint8Array.of(9)] }
  records.add(Uint8Array.of(2), moved)
  assert.deepEqual(records.sample(KEY, 20), [moved])
})

test('a popular key is answered by a sample without repeats that reaches every holder in time', () => {
  const { records } = setup()
  for (let index = 0; index < 30; index++) records.add(KEY, peer(index))
  const seen = new Set<string>()
  for (let round = 0; round < 20; round++) {
    const ids = records.sample(KEY, 20).map(({ id }) => Buffer.from(id).toString())
    assert.equal(new Set(ids).size, 20)
    for (const id of ids) seen.add(id)
  }
  assert.equal(seen.size, 30)
})

test('the holders of one key are limited, and those that are there can still refresh', () => {
  const { records, clock } = setup()
  for (let index = 0; index < 64; index++) assert.equal(records.add(KEY, peer(index)), 'kept')
  assert.equal(records.add(KEY, peer(64)), 'enough')
  assert.equal(records.size, 64)
  clock.advance(1)
  assert.equal(records.add(KEY, peer(0)), 'kept')
})

test('a key has enough holders only as long as their records live', () => {
  const { records, clock } = setup()
  for (let index = 0; index < 64; index++) records.add(KEY, peer(index))
  clock.advance(RECORD_TTL_MS)
  assert.equal(records.add(KEY, peer(64)), 'kept')
  assert.equal(records.size, 1)
})

test('the records of one peer and of all are limited', () => {
  const { records } = setup()
  const fill = (from: KadPeer, count: number): number => {
    let kept = 0
    for (let index = 0; index < count; index++) {
      const key = Buffer.alloc(4)
      key.writeUInt32BE(index)
      if (records.add(key, from) === 'kept') kept++
    }
    return kept
  }
  assert.equal(fill(peer(1), 50_001), 50_000)
  assert.equal(fill(peer(2), 50_000) + fill(peer(3), 50_000) + fill(peer(4), 50_000), 150_000)
  assert.equal(records.add(KEY, peer(5)), 'full')
  assert.equal(records.size, 200_000)
})

test('pruning drops what has expired and keeps the rest, and the gauge follows', () => {
  const { clock, counts, records } = setup()
  records.add(KEY, peer(1))
  records.add(Uint8Array.of(2), peer(1))
  clock.advance(RECORD_TTL_MS / 2)
  records.add(KEY, peer(2))
  clock.advance(RECORD_TTL_MS / 2)
  records.prune()
  assert.equal(records.size, 1)
  assert.deepEqual(records.sample(KEY, 20), [peer(2)])
  clock.advance(RECORD_TTL_MS)
  records.prune()
  assert.equal(records.size, 0)
  assert.deepEqual([counts.slice(0, 3), counts.at(-1)], [[1, 2, 3], 0])
})

test('a record that is removed is gone, and no other', () => {
  const { records, counts } = setup()
  for (const index of [1, 2, 3]) records.add(KEY, peer(index))
  records.add(Uint8Array.of(2), peer(2))
  assert.equal(records.remove(KEY, peer(2).id), true)
  assert.equal(records.remove(KEY, peer(2).id), false)
  assert.equal(records.remove(KEY, peer(9).id), false)
  assert.deepEqual(new Set(records.sample(KEY, 20)), new Set([peer(1), peer(3)]))
  assert.deepEqual(records.sample(Uint8Array.of(2), 20), [peer(2)])
  assert.deepEqual([records.size, counts.at(-1)], [3, 3])
})

/** Anything that {@link ProviderRecords} may be told, of few enough keys and peers that they meet. */
const step = fc.oneof(
  fc.record({ kind: fc.constant('add' as const), key: fc.nat({ max: 5 }), peer: fc.nat({ max: 5 }) }),
  fc.record({ kind: fc.constant('remove' as const), key: fc.nat({ max: 5 }), peer: fc.nat({ max: 5 }) }),
  fc.record({ kind: fc.constant('advance' as const), minutes: fc.nat({ max: 10 }) }),
  fc.record({ kind: fc.constant('prune' as const) }),
)

test('after any history the records are those that a plain list would hold', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), steps => {
      const { clock, records } = setup()
      const expiries = new Map<string, number>()
      for (const each of steps) {
        switch (each.kind) {
          case 'add':
            records.add(Uint8Array.of(each.key), peer(each.peer))
            expiries.set(`${each.key} ${each.peer}`, clock.now() + RECORD_TTL_MS)
            break
          case 'remove':
            records.remove(Uint8Array.of(each.key), peer(each.peer).id)
            expiries.delete(`${each.key} ${each.peer}`)
            break
          case 'advance':
            clock.advance(each.minutes * 60_000)
            break
          case 'prune':
            records.prune()
            break
        }
        for (let key = 0; key <= 5; key++) {
          const expected = [0, 1, 2, 3, 4, 5].filter(index => (expiries.get(`${key} ${index}`) ?? 0) > clock.now())
          const ids = records.sample(Uint8Array.of(key), 20).map(({ id }) => Buffer.from(id).toString())
          assert.deepEqual(
            ids.toSorted(),
            expected.map(index => `peer ${index}`),
          )
        }
      }
      clock.advance(RECORD_TTL_MS)
      records.prune()
      assert.equal(records.size, 0)
    }),
    { numRuns: 200 },
  )
})

test('pruning looks at a limited number of keys at once, and comes to all', () => {
  const { clock, records } = setup()
  for (let index = 0; index < 5000; index++) records.add(Uint8Array.of(index >> 8, index & 0xff), peer(index % 7))
  clock.advance(RECORD_TTL_MS)
  records.prune()
  assert.equal(records.size, 5000 - 2048)
  for (let round = 0; round < 3; round++) records.prune()
  assert.equal(records.size, 0)
})
