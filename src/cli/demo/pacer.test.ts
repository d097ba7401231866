import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '../../routing/clock.ts'
import { Pacer } from './pacer.ts'

const { signal } = new AbortController()

class FakeClock implements Clock {
  ms = 0

  now(): number {
    return this.ms
  }

  async sleep(ms: number): Promise<void> {
    this.ms += ms
  }
}

test('bytes take as long as the rate says, in pieces of any size', async () => {
  const clock = new FakeClock()
  const pacer = new Pacer(clock, { bytesPerSecond: 1000 })
  for (const bytes of [1, 499, 1000, 500]) await pacer.pass(bytes, { signal })
  assert.equal(clock.ms, 2000)
})

test('all who share a pacer share its rate', async () => {
  const waits: number[] = []
  const clock: Clock = { now: () => 0, sleep: async ms => void waits.push(ms) }
  const pacer = new Pacer(clock, { bytesPerSecond: 1000 })
  await Promise.all([pacer.pass(100, { signal }), pacer.pass(100, { signal }), pacer.pass(100, { signal })])
  assert.deepEqual(waits, [100, 200, 300])
})

test('time in which nothing was sent is not made up for', async () => {
  const clock = new FakeClock()
  const pacer = new Pacer(clock, { bytesPerSecond: 1000 })
  clock.ms = 5000
  await pacer.pass(100, { signal })
  assert.equal(clock.ms, 5100)
})
