import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../test/fakes/manual-clock.ts'
import { MemoryStore } from '../../test/fakes/memory-store.ts'
import { digestOf } from '../oci/digest.ts'
import { PendingGrants } from './pending-grants.ts'

const signal = AbortSignal.timeout(10_000)
const GRANTED = digestOf(Buffer.from('granted'))
const FOLLOWED = digestOf(Buffer.from('followed'))

function scene() {
  const clock = new ManualClock()
  const store = new MemoryStore()
  const grants = new PendingGrants({ inProgress: store, now: clock.now })
  return { clock, store, grants, mustYield: () => grants.mustYield(FOLLOWED, { signal }) }
}

test('a request yields to a download that this node was granted and that has not begun', async () => {
  const { store, grants, mustYield } = scene()
  store.begin(GRANTED, 10)
  assert.ok(!(await mustYield()))
  grants.note(GRANTED, 0)
  assert.ok(await mustYield())
})

test('a request does not yield to a download that goes on from where it was granted, or that is over', async () => {
  const { store, grants, mustYield } = scene()
  const download = store.begin(GRANTED, 10)
  download.append(Buffer.alloc(5))
  grants.note(GRANTED, 4)
  assert.ok(!(await mustYield()))
  grants.note(FOLLOWED, 0)
  assert.ok(!(await mustYield()))
  grants.note(GRANTED, 5)
  assert.ok(await mustYield())
})

test('a request for one digest yields once in ten minutes, and not to what has not begun by then', async () => {
  const { clock, store, grants, mustYield } = scene()
  store.begin(GRANTED, 10)
  grants.note(GRANTED, 0)
  assert.deepEqual([await mustYield(), await mustYield()], [true, false])
  assert.ok(await grants.mustYield(GRANTED, { signal }))
  clock.advance(10 * 60_000)
  assert.ok(!(await mustYield()))
  grants.note(GRANTED, 0)
  assert.ok(await mustYield())
})
