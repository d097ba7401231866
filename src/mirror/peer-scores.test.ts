import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ManualClock } from '../../test/fakes/manual-clock.ts'
import { seededRandom } from '../../test/fakes/seeded-random.ts'
import { PEER_FAILURES, type PeerFailure } from '../observability/metrics.ts'
import type { Peer } from '../routing/router.ts'
import { MovingPeerScores } from './peer-scores.ts'

const MIB = 1024 * 1024

function peer(id: string): Peer {
  return { id, registry: { host: '127.0.0.1', port: 5000 } }
}

function setUp() {
  const clock = new ManualClock()
  const scores = new MovingPeerScores({ now: clock.now, random: seededRandom() })
  const fail = (who: Peer, reason: PeerFailure) => {
    scores.report(who, { type: 'started' })
    scores.report(who, { type: 'failed', reason })
  }
  const serve = (who: Peer, latencyMs: number, bodyMs: number) => {
    scores.report(who, { type: 'started' })
    scores.report(who, { type: 'head', elapsedMs: latencyMs })
    scores.report(who, { type: 'done', bytes: MIB, waitedMs: bodyMs })
  }
  /** How often each of `peers` comes first. */
  const firsts = (peers: readonly Peer[], draws = 1000) => {
    const counts = new Map(peers.map(({ id }) => [id, 0]))
    for (let draw = 0; draw < draws; draw += 1) {
      const [first] = scores.order(peers)
      if (first !== undefined) counts.set(first.id, (counts.get(first.id) ?? 0) + 1)
    }
    return counts
  }
  return { clock, scores, fail, serve, firsts }
}

const [a, b, c] = [peer('a'), peer('b'), peer('c')]
const ids = (peers: readonly Peer[]) => peers.map(({ id }) => id)

describe('MovingPeerScores', () => {
  test('tells what was measured of a peer, and nothing that is assumed', () => {
    const { clock, scores, serve, fail } = setUp()
    assert.equal(scores.standing(a), undefined)
    scores.report(a, { type: 'started' })
    const unknown = { latencyMs: undefined, bytesPerSecond: undefined, failures: 0, quarantine: undefined }
    assert.deepEqual(scores.standing(a), { ...unknown, inFlight: 1 })
    serve(b, 40, 1024)
    assert.deepEqual(scores.standing(b), { ...unknown, latencyMs: 40, bytesPerSecond: 1_024_000, inFlight: 0 })
    fail(c, 'stall')
    clock.advance(400)
    const quarantine = { reason: 'stall', remainingMs: 600 }
    assert.deepEqual(scores.standing(c), { ...unknown, inFlight: 0, failures: 1, quarantine })
    scores.report(b, { type: 'corrupt' })
    assert.deepEqual(scores.standing(b)?.quarantine, { reason: 'corrupt', remainingMs: 60_000 })
  })

  test('orders every healthy peer once', () => {
    const { scores } = setUp()
    assert.deepEqual(ids(scores.order([a, b, c])).toSorted(), ['a', 'b', 'c'])
    assert.deepEqual(scores.order([]), [])
  })

  test('leaves out a peer that gave corrupt content for a minute, whatever else it serves', () => {
    const { clock, scores, serve } = setUp()
    serve(a, 5, 10)
    scores.report(a, { type: 'corrupt' })
    serve(a, 5, 10)
    assert.deepEqual(ids(scores.order([a, b])), ['b'])
    clock.advance(59_999)
    assert.deepEqual(ids(scores.order([a, b])), ['b'])
    clock.advance(1)
    assert.deepEqual(ids(scores.order([a, b])).toSorted(), ['a', 'b'])
  })

  test('spreads first requests over peers it knows nothing of', () => {
    const { firsts } = setUp()
    for (const count of firsts([a, b, c]).values()) assert.ok(count > 200)
  })

  const worse: readonly (readonly [string, (env: ReturnType<typeof setUp>) => void])[] = [
    ['answers later', env => env.serve(a, 400, 10)],
    ['sends slower', env => env.serve(a, 5, 20_000)],
    ['is busy with a request', env => env.scores.report(a, { type: 'started' })],
  ]
  for (const [what, happen] of worse) {
    test(`asks a peer that ${what} after the other`, () => {
      const env = setUp()
      happen(env)
      assert.deepEqual(ids(env.scores.order([a, b])), ['b', 'a'])
    })
  }

  test('never asks the worst of three first, and not always the best', () => {
    const { serve, firsts } = setUp()
    for (const [who, latencyMs] of [
      [a, 10],
      [b, 100],
      [c, 1000],
    ] as const) {
      for (let request = 0; request < 20; request += 1) serve(who, latencyMs, 10)
    }
    const counts = firsts([a, b, c])
    assert.ok((counts.get('a') ?? 0) > (counts.get('b') ?? 0))
    assert.ok((counts.get('b') ?? 0) > 0)
    assert.equal(counts.get('c'), 0)
  })

  test('forgets a request once it is done or abandoned', () => {
    for (const final of [{ type: 'done', bytes: 0, waitedMs: 0 }, { type: 'abandoned' }] as const) {
      const { scores, firsts } = setUp()
      scores.report(a, { type: 'started' })
      scores.report(a, final)
      assert.ok((firsts([a, b]).get('a') ?? 0) > 0)
    }
  })

  for (const reason of PEER_FAILURES) {
    const costly = reason === 'timeout' || reason === 'stall'
    test(`${costly ? 'leaves out' : 'asks last'} a peer in quarantine for ${reason}, for a second`, () => {
      const { scores, fail, clock } = setUp()
      fail(a, reason)
      clock.advance(999)
      assert.deepEqual(ids(scores.order([a, b])), costly ? ['b'] : ['b', 'a'])
      assert.deepEqual(ids(scores.order([a])), costly ? [] : ['a'])
      clock.advance(1)
      assert.deepEqual(ids(scores.order([a])), ['a'])
    })
  }

  test('doubles the quarantine with each failure, up to a minute, until a body comes whole', () => {
    const { scores, fail, serve, clock } = setUp()
    const quarantine = (): number => {
      fail(a, 'timeout')
      let seconds = 0
      while (scores.order([a]).length === 0) {
        clock.advance(1000)
        seconds += 1
      }
      return seconds
    }
    assert.deepEqual(Array.from({ length: 8 }, quarantine), [1, 2, 4, 8, 16, 32, 60, 60])
    serve(a, 5, 10)
    assert.equal(quarantine(), 1)
  })

  for (const reason of ['timeout', 'stall'] as const) {
    test(`has one request find out whether a peer is well again after a ${reason}`, () => {
      const { scores, fail, serve, clock } = setUp()
      fail(a, reason)
      clock.advance(1000)
      scores.report(a, { type: 'started' })
      assert.deepEqual(ids(scores.order([a, b])), ['b'])
      scores.report(a, { type: 'head', elapsedMs: 5 })
      assert.deepEqual(ids(scores.order([a])), reason === 'timeout' ? ['a'] : [])
      scores.report(a, { type: 'done', bytes: 1, waitedMs: 1 })
      assert.deepEqual(ids(scores.order([a])), ['a'])
      serve(a, 5, 10)
    })
  }

  test('takes failures of requests that were under way together for one', () => {
    const { scores, fail, clock } = setUp()
    for (let request = 0; request < 10; request += 1) fail(a, 'timeout')
    clock.advance(1000)
    assert.deepEqual(ids(scores.order([a])), ['a'])
  })

  test('leaves a peer out that also cost time while in quarantine for something cheaper', () => {
    const { scores, fail } = setUp()
    fail(a, 'reset')
    fail(a, 'timeout')
    fail(a, 'reset')
    assert.deepEqual(scores.order([a]), [])
  })

  test('forgets the peer heard of longest ago beyond its limit', () => {
    const { scores, fail } = setUp()
    fail(a, 'timeout')
    fail(b, 'timeout')
    for (let other = 0; other < 1022; other += 1) scores.report(peer(`other${other}`), { type: 'abandoned' })
    scores.report(a, { type: 'abandoned' })
    scores.report(c, { type: 'abandoned' })
    assert.deepEqual(ids(scores.order([a, b])), ['b'])
  })
})
