import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../../test/fakes/manual-clock.ts'
import { DialBackoff } from './dial-backoff.ts'

test('a peer is left alone for twice as long after each failure, a minute at most, until it is cleared', () => {
  const clock = new ManualClock()
  const backoff = new DialBackoff(clock)
  assert.equal(backoff.blocks('peer'), false)
  for (const blockedMs of [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]) {
    backoff.failed('peer')
    clock.advance(blockedMs - 1)
    assert.equal(backoff.blocks('peer'), true)
    clock.advance(1)
    assert.equal(backoff.blocks('peer'), false)
  }
  backoff.failed('peer')
  backoff.clear('peer')
  assert.equal(backoff.blocks('peer'), false)
  backoff.failed('peer')
  clock.advance(1000)
  assert.equal(backoff.blocks('peer'), false)
})

test('only the latest 1024 failures are remembered', () => {
  const backoff = new DialBackoff(new ManualClock())
  for (let index = 0; index <= 1024; index++) backoff.failed(`peer ${index}`)
  assert.deepEqual(
    [0, 1, 1024].map(index => backoff.blocks(`peer ${index}`)),
    [false, true, true],
  )
})
