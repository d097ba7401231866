import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../../test/fakes/manual-clock.ts'
import { TokenBucket } from './token-bucket.ts'

function takeAll(bucket: TokenBucket): number {
  let taken = 0
  while (bucket.take()) taken++
  return taken
}

test('a burst passes, then what flows in, never more than a burst', () => {
  const clock = new ManualClock()
  const bucket = new TokenBucket(clock, { burst: 10, perSecond: 4 })
  assert.equal(takeAll(bucket), 10)
  clock.advance(1500)
  assert.equal(takeAll(bucket), 6)
  clock.advance(1000 * 60)
  assert.equal(takeAll(bucket), 10)
})

test('several tokens are taken together or not at all', () => {
  const bucket = new TokenBucket(new ManualClock(), { burst: 10, perSecond: 4 })
  assert.deepEqual([bucket.take(6), bucket.take(6), bucket.take(4), bucket.take()], [true, false, true, false])
})
