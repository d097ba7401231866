import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import { ManualClock } from '../../test/fakes/manual-clock.ts'
import { MemoryLog } from '../../test/fakes/memory-log.ts'
import { MemoryStore } from '../../test/fakes/memory-store.ts'
import { until } from '../../test/until.ts'
import { createMetrics } from '../observability/metrics.ts'
import { digestOf } from '../oci/digest.ts'
import type { Peer } from '../routing/router.ts'
import type { InProgress } from '../store/store.ts'
import { CommitWatch } from './commit-watch.ts'
import { MovingPeerScores } from './peer-scores.ts'

const MINUTE_MS = 60_000
const content = Buffer.from('the content of a layer')
const digest = digestOf(content)
const [a, b, c] = ['a', 'b', 'c'].map(id => ({ id, registry: { host: `${id}.example`, port: 5000 } }))

function setUp(inProgress?: Pick<InProgress, 'find'>) {
  const clock = new ManualClock()
  const store = new MemoryStore()
  const scores = new MovingPeerScores({ now: clock.now, random: () => 0 })
  const log = new MemoryLog()
  const metrics = createMetrics()
  const watch = new CommitWatch({ inProgress: inProgress ?? store, scores, metrics, log, now: clock.now })
  return {
    clock,
    store,
    watch,
    log,
    /** Notes that `peers` supplied some of the download, once it is found. */
    supply: async (...peers: readonly (Peer | undefined)[]) => {
      using followed = watch.follow(digest, 0)
      if (peers.length > 0) await followed?.looked()
      for (const peer of peers) if (peer !== undefined) followed?.add(peer)
      return followed
    },
    trusted: () => scores.order([a, b, c].filter(peer => peer !== undefined)).map(({ id }) => id),
    failures: async () => {
      const { text } = await metrics.render()
      return Number(/^spegel_peer_failures_total\{reason="corrupt"\} (\d+)$/m.exec(text)?.[1] ?? 0)
    },
    /** Resolves once the downloads that were followed are over. */
    settled: () => until(() => watch.following === 0),
    [Symbol.asyncDispose]: () => watch.close(),
  }
}

describe('CommitWatch', () => {
  test('blames all suppliers of what is complete and then dropped, once, and sends the digest direct for ten minutes', async () => {
    await using at = setUp()
    const download = at.store.begin(digest, content.length)
    await at.supply(a)
    await at.supply(a, b)
    download.append(content)
    download.abort()
    await at.settled()
    assert.deepEqual(at.trusted(), ['c'])
    assert.equal(await at.failures(), 2)
    assert.ok(at.watch.isDirect(digest))
    const fields = { digest, peers: ['a.example:5000', 'b.example:5000'], minutes: 10 }
    const message = 'peers gave corrupt content, which is left to the registry now'
    assert.deepEqual(at.log.lines, [{ level: 'warn', message, fields }])
    at.clock.advance(10 * MINUTE_MS - 1)
    assert.ok(at.watch.isDirect(digest))
    at.clock.advance(1)
    assert.ok(!at.watch.isDirect(digest))
  })

  test('blames nobody for what came by way of a burst in part, and sends the digest direct all the same', async () => {
    await using at = setUp()
    const download = at.store.begin(digest, content.length)
    using followed = at.watch.follow(digest, 0)
    await followed?.looked()
    if (a !== undefined) followed?.add(a)
    followed?.addUnverified()
    download.append(content)
    download.abort()
    await at.settled()
    assert.deepEqual(at.trusted().toSorted(), ['a', 'b', 'c'])
    assert.equal(await at.failures(), 0)
    assert.ok(at.watch.isDirect(digest))
  })

  test('holds nothing against the suppliers of what is committed', async () => {
    await using at = setUp()
    const download = at.store.begin(digest, content.length)
    await at.supply(a)
    download.append(content)
    download.commit()
    await at.settled()
    assert.deepEqual(at.trusted().toSorted(), ['a', 'b', 'c'])
    assert.ok(!at.watch.isDirect(digest))
    assert.deepEqual(at.log.lines, [])
  })

  test('holds nothing against the suppliers of what is given up on the way', async () => {
    await using at = setUp()
    const download = at.store.begin(digest, content.length)
    await at.supply(a)
    download.append(content.subarray(1))
    download.abort()
    await at.settled()
    assert.equal(await at.failures(), 0)
    assert.ok(!at.watch.isDirect(digest))
  })

  test('does not send a digest direct that no peer supplied', async () => {
    await using at = setUp()
    const download = at.store.begin(digest, content.length)
    await at.supply()
    download.append(content)
    download.abort()
    await at.settled()
    assert.ok(!at.watch.isDirect(digest))
    assert.deepEqual(at.log.lines, [])
  })

  test('forgets what the local container runtime does not download', async () => {
    await using at = setUp()
    assert.ok((await at.supply(a)) !== undefined)
    await at.settled()
    assert.deepEqual(at.log.lines, [])
  })

  test('stops following once no relay is left that could supply anything', async () => {
    await using at = setUp()
    at.store.begin(digest, content.length)
    const relays = [at.watch.follow(digest, 0), at.watch.follow(digest, 0)]
    relays[0]?.[Symbol.dispose]()
    assert.equal(at.watch.following, 1)
    relays[1]?.[Symbol.dispose]()
    await at.settled()
    assert.deepEqual(at.log.lines, [])
  })

  test('starts anew for a relay that comes as the last one goes', async () => {
    await using at = setUp()
    const download = at.store.begin(digest, content.length)
    await at.supply()
    await at.supply(a)
    download.append(content)
    download.abort()
    await at.settled()
    assert.ok(at.watch.isDirect(digest))
  })

  test('lets a relay begin once the download is found, or not found, or the search takes too long', async () => {
    await using at = setUp()
    at.store.begin(digest, content.length)
    await at.watch.follow(digest, 0)?.looked()
    await at.watch.follow(digestOf(Buffer.from('another')), 0)?.looked()
    await using endless = setUp({
      find: async (_, { signal }) => {
        await once(signal, 'abort')
        return undefined
      },
    })
    await endless.watch.follow(digest, 0)?.looked()
    assert.equal(endless.watch.following, 1)
  })

  test('does not look for a download before some of it is about to be supplied', async () => {
    let searches = 0
    await using at = setUp({
      find: async () => {
        searches += 1
        return undefined
      },
    })
    {
      using _followed = at.watch.follow(digest, 0)
    }
    await at.settled()
    assert.equal(searches, 0)
    using followed = at.watch.follow(digest, 0)
    followed?.begin()
    await at.settled()
    assert.equal(searches, 1)
  })

  test('waits through silences, but not for ever', async () => {
    let waits = 0
    let closed = 0
    await using at = setUp({
      find: async () => ({
        size: 1,
        read: async () => 0,
        waitPast: async () => {
          waits += 1
          return 'stalled'
        },
        close: async () => {
          closed += 1
        },
      }),
    })
    await at.supply(a)
    await at.settled()
    assert.deepEqual([waits, closed, await at.failures()], [24, 1, 0])
  })

  test('follows no more than 256 downloads at once', async () => {
    await using at = setUp({
      find: async (_, { signal }) => {
        await once(signal, 'abort')
        return undefined
      },
    })
    const layers = Array.from({ length: 257 }, (_, index) => digestOf(Buffer.from(`${index}`)))
    const followed = layers.filter(layer => at.watch.follow(layer, 0) !== undefined)
    assert.equal(followed.length, 256)
    assert.ok(at.watch.follow(followed[0] ?? digest, 0) !== undefined)
  })

  test('says so where a download can’t be followed', async () => {
    const error = new Error('broken disk')
    await using at = setUp({ find: () => Promise.reject(error) })
    await at.supply(a)
    await at.settled()
    assert.deepEqual(at.log.lines, [{ level: 'warn', message: 'cannot follow a download', fields: { digest, error } }])
  })

  test('ends all waits when it is closed, without a word', async () => {
    const at = setUp()
    at.store.begin(digest, content.length)
    await at.supply(a)
    await at.watch.close()
    assert.equal(at.watch.follow(digest, 0), undefined)
    assert.deepEqual(at.log.lines, [])
  })
})
