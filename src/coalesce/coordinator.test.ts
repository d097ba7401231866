import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../test/fakes/manual-clock.ts'
import { type Digest, digestOf } from '../oci/digest.ts'
import type { Claim, ClaimAnswer } from './claim.ts'
import { Coordinator } from './coordinator.ts'

const LAYER = named('layer')

function named(text: string): Digest {
  return digestOf(Buffer.from(text))
}

/** A coordinator among members. */
function scene() {
  const clock = new ManualClock()
  const gone = new Set<string>()
  const closer = new Map<string, string>()
  const coordinator = new Coordinator({ clock, isLive: id => !gone.has(id), closer: key => closer.get(key) })
  const claim = (node: string, fields: Partial<Claim> = {}): ClaimAnswer =>
    coordinator.claim({
      node,
      digest: LAYER,
      offset: 0,
      lost: [],
      stalled: [],
      behind: [],
      redirected: false,
      ...fields,
    })
  return { clock, gone, closer, coordinator, claim }
}

test('one node is granted a digest, and the others follow', () => {
  const { claim } = scene()
  assert.deepEqual(claim('a'), { outcome: 'granted' })
  assert.deepEqual(claim('b'), { outcome: 'follow', parents: ['a'], depth: 1 })
  assert.deepEqual(claim('b', { digest: named('other') }), { outcome: 'granted' })
})

test('a claim for what another member is closer to is sent there, once', () => {
  const { claim, closer } = scene()
  closer.set(LAYER, 'c')
  assert.deepEqual(claim('a'), { outcome: 'redirect', to: 'c' })
  assert.deepEqual(claim('a', { redirected: true }), { outcome: 'granted' })
})

test('the closest member itself is not sent to itself', () => {
  const { claim, closer } = scene()
  closer.set(LAYER, 'a')
  assert.deepEqual(claim('a'), { outcome: 'granted' })
})

test('whoever is no member gets no place', () => {
  const { claim, gone, coordinator } = scene()
  gone.add('a')
  assert.deepEqual(claim('a'), { outcome: 'refused' })
  assert.equal(coordinator.places, 0)
})

test('a burst is forgotten half an hour after its last claim', () => {
  const { claim, clock, coordinator } = scene()
  claim('a')
  clock.advance(29 * 60_000)
  assert.deepEqual(claim('b'), { outcome: 'follow', parents: ['a'], depth: 1 })
  clock.advance(29 * 60_000)
  assert.equal(claim('c').outcome, 'follow')
  clock.advance(30 * 60_000)
  assert.deepEqual(claim('d'), { outcome: 'granted' })
  assert.equal(coordinator.places, 1)
})

test('a node that claims without end gets no more than 512 places, and the others theirs as before', () => {
  const { claim, coordinator } = scene()
  for (let index = 0; index < 512; index += 1) {
    assert.equal(claim('flooder', { digest: named(`layer ${index}`) }).outcome, 'granted')
  }
  assert.deepEqual(claim('flooder', { digest: named('one more') }), { outcome: 'refused' })
  assert.deepEqual(claim('flooder', { digest: named('layer 3') }), { outcome: 'granted' })
  assert.equal(coordinator.places, 512)
  assert.deepEqual(claim('a', { digest: named('one more') }), { outcome: 'granted' })
})

test('places are given back when a parent is dropped and when a burst is forgotten', () => {
  const { claim, clock, coordinator } = scene()
  for (let index = 0; index < 512; index += 1) claim('a', { digest: named(`layer ${index}`) })
  claim('b', { digest: named('layer 0') })
  claim('b', { digest: named('layer 0'), lost: ['a'] })
  assert.equal(coordinator.places, 512)
  assert.deepEqual(claim('a'), { outcome: 'granted' })
  clock.advance(30 * 60_000)
  claim('b')
  assert.equal(coordinator.places, 1)
})

test('beyond 50,000 places the burst that was quiet for longest is forgotten', () => {
  const { claim, coordinator } = scene()
  for (let index = 0; index < 50_000; index += 1) {
    claim(`node ${Math.floor(index / 500)}`, { digest: named(`layer ${index % 500} of ${Math.floor(index / 500)}`) })
  }
  assert.equal(coordinator.places, 50_000)
  claim('late')
  assert.equal(coordinator.places, 50_000)
  assert.equal(claim('other', { digest: named('layer 0 of 0') }).outcome, 'granted')
  assert.equal(claim('other', { digest: named('layer 499 of 99') }).outcome, 'follow')
})
