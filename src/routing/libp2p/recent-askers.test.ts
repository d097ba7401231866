import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../../test/fakes/manual-clock.ts'
import { RecentAskers } from './recent-askers.ts'

const [KEY, OTHER] = [Buffer.of(1), Buffer.of(2)]
const [ANN, BOB] = [Buffer.from('ann'), Buffer.from('bob')]

test('who asked is named with the keys it asked for, for six seconds at least and not much longer', () => {
  const clock = new ManualClock()
  const askers = new RecentAskers(clock)
  clock.advance(4000)
  askers.note(KEY, ANN)
  askers.note(KEY, ANN)
  askers.note(OTHER, ANN)
  askers.note(OTHER, BOB)
  const expected = [
    { asker: ANN, keys: [KEY, OTHER] },
    { asker: BOB, keys: [OTHER] },
  ]
  for (const waitMs of [0, 3000, 2900]) {
    clock.advance(waitMs)
    assert.deepEqual(askers.of([KEY, OTHER]), expected)
  }
  askers.note(KEY, BOB)
  clock.advance(6000)
  assert.deepEqual(askers.of([KEY, OTHER]), [{ asker: BOB, keys: [KEY] }])
  clock.advance(60_000)
  assert.deepEqual(askers.of([KEY, OTHER]), [])
})

test('of any number of answers a limited number is remembered', () => {
  const askers = new RecentAskers(new ManualClock())
  const keys = Array.from({ length: 50 }, (_, index) => Buffer.from(`key ${index}`))
  for (let index = 0; index < 100_000; index++) {
    askers.note(keys[index % keys.length] ?? KEY, Buffer.from(`peer ${Math.floor(index / 10)}`))
  }
  const remembered = askers.of(keys).reduce((sum, each) => sum + each.keys.length, 0)
  assert.ok(remembered >= 16_384 && remembered <= 2 * 16_384, `${remembered}`)
})
