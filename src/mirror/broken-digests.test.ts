import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ManualClock } from '../../test/fakes/manual-clock.ts'
import { digestOf } from '../oci/digest.ts'
import { BrokenDigests } from './broken-digests.ts'

const digest = digestOf(Buffer.from('layer'))

describe('BrokenDigests', () => {
  test('remembers peers for ten seconds', () => {
    const clock = new ManualClock()
    const broken = new BrokenDigests({ now: clock.now })
    assert.equal(broken.peers(digest).size, 0)
    broken.add(digest, new Set(['a']))
    clock.advance(9999)
    assert.deepEqual([...broken.peers(digest)], ['a'])
    clock.advance(1)
    assert.equal(broken.peers(digest).size, 0)
  })

  test('adds to the peers that failed before', () => {
    const broken = new BrokenDigests(new ManualClock())
    broken.add(digest, new Set(['a']))
    broken.add(digest, new Set(['b']))
    assert.deepEqual([...broken.peers(digest)], ['a', 'b'])
  })

  test('forgets the oldest digest beyond its limit', () => {
    const broken = new BrokenDigests(new ManualClock())
    broken.add(digest, new Set(['a']))
    for (let other = 0; other < 1023; other += 1) broken.add(digestOf(Buffer.from(String(other))), new Set(['a']))
    assert.equal(broken.peers(digest).size, 1)
    broken.add(digestOf(Buffer.from('one more')), new Set(['a']))
    assert.equal(broken.peers(digest).size, 0)
  })
})
