import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../test/fakes/manual-clock.ts'
import { digestOf } from '../oci/digest.ts'
import type { Claim } from './claim.ts'
import { ClaimDesk } from './claim-desk.ts'
import { Coordinator } from './coordinator.ts'

const signal = AbortSignal.timeout(10_000)
const LAYER = digestOf(Buffer.from('layer'))
const OTHER = digestOf(Buffer.from('another layer'))
const GRANTED = { outcome: 'granted' }
const WAIT = { outcome: 'wait' }

/** The desk of a node that knows a closer one, and what ends the time that claims are kept for. */
function scene() {
  const clock = new ManualClock()
  const coordinator = new Coordinator({ clock, isLive: () => true, closer: () => 'closer' })
  const timeouts = new Set<() => void>()
  const desk = new ClaimDesk({
    coordinator,
    clock,
    startTimeout: (_delayMs, onTimeout) => {
      timeouts.add(onTimeout)
      return { [Symbol.dispose]: () => void timeouts.delete(onTimeout) }
    },
  })
  const claim = (node: string, fields: Partial<Claim> = {}) => {
    const named = { node, digest: LAYER, offset: 0, lost: [], stalled: [], behind: [], redirected: false }
    return desk.claim({ ...named, hedged: true, ...fields }, { signal })
  }
  return {
    clock,
    coordinator,
    desk,
    timeouts,
    claim,
    elapse: () => {
      for (const timeout of timeouts) timeout()
    },
  }
}

test('a claim that is not hedged is answered as the coordinator answers it', async () => {
  const { claim } = scene()
  assert.deepEqual(await claim('a', { hedged: false }), { outcome: 'redirect', to: 'closer' })
  assert.deepEqual(await claim('a', { hedged: false, redirected: true }), GRANTED)
})

test('a node that alone finds the closer coordinator silent is granted the content here, and others follow it', async () => {
  const { claim, elapse, timeouts } = scene()
  const first = claim('a')
  elapse()
  assert.deepEqual(await first, GRANTED)
  assert.equal(timeouts.size, 0)
  assert.deepEqual(await claim('b'), { outcome: 'follow', parents: ['a'], depth: 1 })
})

test('a node that asks twice is still alone', async () => {
  const { claim, elapse } = scene()
  const both = [claim('a'), claim('a', { digest: OTHER })]
  elapse()
  assert.deepEqual(await Promise.all(both), [GRANTED, GRANTED])
})

test('several nodes at once are told to wait for the closer coordinator, and get no place', async () => {
  const { claim, coordinator, elapse } = scene()
  const all = [claim('a'), claim('b'), claim('c')]
  elapse()
  assert.deepEqual(await Promise.all(all), [WAIT, WAIT, WAIT])
  assert.equal(coordinator.places, 0)
})

test('a node is not alone for two seconds after another one, or this one, has claimed something', async () => {
  for (const note of [
    async ({ desk }: ReturnType<typeof scene>) => desk.note('self'),
    ({ claim }: ReturnType<typeof scene>) => claim('other', { digest: OTHER, hedged: false }),
  ]) {
    const at = scene()
    await note(at)
    at.clock.advance(1999)
    assert.deepEqual(await at.claim('a'), WAIT)
    at.clock.advance(1)
    const asked = at.claim('a')
    at.elapse()
    assert.deepEqual(await asked, GRANTED)
  }
})
