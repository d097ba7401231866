import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../test/fakes/manual-clock.ts'
import { digestOf } from '../oci/digest.ts'
import { AskedContent } from './asked-content.ts'

const HOUR_MS = 3600_000
const digest = digestOf(Buffer.from('layer'))

function setUp() {
  const clock = new ManualClock()
  return { clock, asked: new AskedContent({ clock }) }
}

test('only what was asked for is known, for six hours after its last request', () => {
  const { clock, asked } = setUp()
  assert.equal(asked.has(digest), false)
  asked.begin(digest)[Symbol.dispose]()
  assert.equal(asked.has(digest), true)
  assert.equal(asked.has(digestOf(Buffer.from('other'))), false)
  clock.advance(6 * HOUR_MS - 1)
  assert.equal(asked.has(digest), true)
  asked.begin(digest)[Symbol.dispose]()
  clock.advance(6 * HOUR_MS - 1)
  assert.equal(asked.has(digest), true)
  clock.advance(1)
  assert.equal(asked.has(digest), false)
})

test('content is expected while any request for it runs, and for ten minutes after', () => {
  const { clock, asked } = setUp()
  assert.equal(asked.isExpected(digest), false)
  const requests = [asked.begin(digest), asked.begin(digest)]
  clock.advance(7 * HOUR_MS)
  requests[0]?.[Symbol.dispose]()
  clock.advance(7 * HOUR_MS)
  assert.equal(asked.isExpected(digest), true)
  assert.equal(asked.has(digest), true)
  requests[1]?.[Symbol.dispose]()
  clock.advance(10 * 60_000 - 1)
  assert.equal(asked.isExpected(digest), true)
  clock.advance(1)
  assert.equal(asked.isExpected(digest), false)
})

test('ten thousand digests are remembered, those asked for last', () => {
  const { asked } = setUp()
  const digests = Array.from({ length: 10_001 }, (_, index) => digestOf(Buffer.from(String(index))))
  const [first, second] = digests
  assert.ok(first !== undefined && second !== undefined)
  for (const each of [...digests.slice(0, 10_000), first, ...digests.slice(10_000)]) {
    asked.begin(each)[Symbol.dispose]()
  }
  assert.equal(asked.has(first), true)
  assert.equal(asked.has(second), false)
})
