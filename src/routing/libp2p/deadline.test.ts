import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Deadline } from './deadline.ts'

const LONG_MS = 60_000

test('a deadline passes with a timeout error', async () => {
  using deadline = new Deadline(new AbortController().signal, 1)
  await once(deadline.signal, 'abort')
  assert.equal(deadline.signal.reason.name, 'TimeoutError')
})

test('a deadline passes early, for the same reason, where all is to stop, even if that was said before', () => {
  const stop = new AbortController()
  using before = new Deadline(stop.signal, LONG_MS)
  stop.abort('enough')
  using after = new Deadline(stop.signal, LONG_MS)
  assert.deepEqual([before.signal.reason, after.signal.reason], ['enough', 'enough'])
})

test('a deadline that is disposed of does not pass', () => {
  const stop = new AbortController()
  const deadline = new Deadline(stop.signal, LONG_MS)
  deadline[Symbol.dispose]()
  stop.abort()
  assert.equal(deadline.signal.aborted, false)
})
