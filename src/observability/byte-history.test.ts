import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { ByteHistory } from './byte-history.ts'

test('what comes in one slot is one sum, and empty slots are told as such', () => {
  let now = 100_000
  const history = new ByteHistory({ slotMs: 10, slots: 5, now: () => now })
  history.add('peer', 3)
  now += 9
  history.add('peer', 4)
  now += 21
  history.add('store', 1)
  const { times, values } = history.columns()
  assert.deepEqual(times, [100_000, 100_010, 100_020, 100_030])
  assert.deepEqual(values.peer, [7, 0, 0, 0])
  assert.deepEqual(values.store, [0, 0, 0, 1])
})

test('slots that are too old are forgotten', () => {
  let now = 0
  const history = new ByteHistory({ slotMs: 10, slots: 3, now: () => now })
  for (; now < 100; now += 10) history.add('upload', now)
  now = 90
  assert.deepEqual(history.columns().values.upload, [70, 80, 90])
  now = 1000
  assert.deepEqual(history.columns().values.upload, [0, 0, 0])
})

test('whatever the clock does, columns are in order, of one length, and never more than there may be', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 10_000 })), moments => {
      let now = 0
      const history = new ByteHistory({ slotMs: 10, slots: 7, now: () => now })
      for (const moment of moments) {
        now = moment
        history.add('misses', 1)
      }
      const { times, values } = history.columns()
      assert.ok(times.length >= 1 && times.length <= 7)
      for (const [index, time] of times.entries()) assert.equal(time, (times[0] ?? 0) + index * 10)
      for (const column of Object.values(values)) assert.equal(column.length, times.length)
    }),
  )
})
