import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { a, b, c, d, settle, setUp } from '../../test/mirror/search-rig.ts'
import { MirrorMissError } from './errors.ts'

const miss = (reason: string) => (error: unknown) => error instanceof MirrorMissError && error.reason === reason

describe('PeerSearch', () => {
  test('asks the first peer found at once and returns its answer, ending the lookup', async t => {
    const env = setUp(t)
    const found = env.find()
    await env.finds(a)
    env.requests[0]?.answer()
    assert.equal(await found, 'a')
    assert.equal(env.lookups[0]?.aborted, true)
    assert.equal(env.requests[0]?.signal.aborted, false)
  })

  test('asks the best of peers that are found together', async t => {
    const env = setUp(t)
    if (a !== undefined) env.scores.report(a, { type: 'head', elapsedMs: 1000 })
    const found = env.find()
    await env.finds(a, b)
    assert.deepEqual(env.asked(), ['b'])
    env.requests[0]?.answer()
    assert.equal(await found, 'b')
  })

  test('is a miss as soon as the lookup ends without a peer', async t => {
    const env = setUp(t)
    const found = env.find()
    await env.ends()
    await assert.rejects(found, miss('not_found'))
  })

  test('is a miss for a router that is not ready, and says so', async t => {
    const env = setUp(t, { ready: false })
    const found = env.find()
    await env.ends()
    await assert.rejects(found, miss('not_ready'))
  })

  test('is a miss when the lookup fails, and the failure is logged', async t => {
    const env = setUp(t)
    const found = env.find()
    await settle()
    env.breaks()
    await assert.rejects(found, miss('not_found'))
    assert.deepEqual(
      env.log.lines.map(({ message }) => message),
      ['lookup failed'],
    )
  })

  test('waits for a first peer as long as it is told to', async t => {
    const env = setUp(t)
    const found = env.find()
    await env.passes(19)
    assert.equal(env.lookups[0]?.aborted, false)
    await env.passes(1)
    await assert.rejects(found, miss('not_found'))
    assert.equal(env.lookups[0]?.aborted, true)
  })

  test('finds peers that were told of while this process was held up', async t => {
    const env = setUp(t)
    const found = env.find()
    await settle()
    // As after a hold-up: the timers are due, and the input is not read yet.
    t.mock.timers.tick(20)
    t.mock.timers.tick(20)
    await env.finds(a)
    env.requests[0]?.answer()
    assert.equal(await found, 'a')
  })

  test('goes on waiting for a request in flight after the time for finding peers', async t => {
    const env = setUp(t)
    const found = env.find()
    await env.finds(a)
    await env.ends()
    await env.passes(10_000)
    env.requests[0]?.answer()
    assert.equal(await found, 'a')
  })

  test('asks the next peer at once when one fails', async t => {
    const env = setUp(t)
    const found = env.find()
    await env.finds(a, b)
    assert.deepEqual(env.asked(), ['a'])
    env.requests[0]?.fail()
    await settle()
    assert.deepEqual(env.asked(), ['a', 'b'])
    env.requests[1]?.answer()
    assert.equal(await found, 'b')
    assert.deepEqual([...env.search.failed], ['a'])
  })

  test('looks once more, afresh, where all that a lookup named have failed', async t => {
    const env = setUp(t)
    const found = env.find()
    await env.finds(a)
    env.requests[0]?.fail()
    await env.ends()
    assert.deepEqual(env.areFresh, [false, true])
    await env.finds(a, b)
    assert.deepEqual(env.asked(), ['a', 'b'])
    env.requests[1]?.answer()
    assert.equal(await found, 'b')
  })

  test('looks afresh no longer than for a first peer, and not a third time', async t => {
    const env = setUp(t)
    const found = env.find()
    await env.finds(a)
    env.requests[0]?.fail()
    await env.ends()
    await env.finds(b)
    env.requests[1]?.fail()
    await settle()
    await env.passes(20)
    await assert.rejects(found, miss('peers_failed'))
    assert.equal(env.lookups.length, 2)
  })

  test('does not look afresh once as many peers have failed as may', async t => {
    const env = setUp(t)
    const found = env.find()
    await env.finds(a, b, c)
    for (const index of [0, 1, 2]) {
      env.requests[index]?.fail()
      await settle()
    }
    await env.ends()
    await assert.rejects(found, miss('peers_failed'))
    assert.equal(env.lookups.length, 1)
  })

  test('waits anew for a peer once none is in flight', async t => {
    const env = setUp(t)
    const found = env.find()
    await env.finds(a)
    await env.passes(15)
    env.requests[0]?.fail()
    await env.passes(15)
    await env.finds(b)
    env.requests[1]?.answer()
    assert.equal(await found, 'b')
  })

  test('asks a second peer after the hedge delay, hears out whoever is slower and lets it go', async t => {
    const env = setUp(t)
    const found = env.find()
    await env.finds(a, b)
    await env.passes(49)
    assert.deepEqual(env.asked(), ['a'])
    await env.passes(1)
    assert.deepEqual(env.asked(), ['a', 'b'])
    env.requests[1]?.answer()
    assert.equal(await found, 'b')
    assert.equal(env.requests[0]?.signal.aborted, false)
    env.requests[0]?.answer()
    await settle()
    assert.equal(env.requests[0]?.signal.aborted, true)
    assert.equal(env.requests[1]?.signal.aborted, false)
    assert.deepEqual([...env.search.failed], [])
  })

  test('hedges with a peer that is found after the hedge delay', async t => {
    const env = setUp(t)
    const found = env.find()
    await env.finds(a)
    await env.passes(60)
    await env.finds(b)
    assert.deepEqual(env.asked(), ['a', 'b'])
    env.requests[0]?.answer()
    assert.equal(await found, 'a')
  })

  test('asks no more peers than it may', async t => {
    const env = setUp(t)
    const found = env.find()
    await env.finds(a, b, c, d)
    for (const at of [0, 1, 2]) {
      env.requests[at]?.fail()
      await settle()
    }
    await assert.rejects(found, miss('peers_failed'))
    assert.equal(env.asked().length, 3)
  })

  test('never asks an excluded peer, and says why where it is the only one', async t => {
    const env = setUp(t, { exclude: ['a'] })
    const found = env.find()
    await env.finds(a)
    await env.ends()
    await assert.rejects(found, miss('body_broken'))
    assert.deepEqual(env.asked(), [])
  })

  test('does not wait for peers in quarantine', async t => {
    const env = setUp(t)
    if (a !== undefined) env.scores.report(a, { type: 'failed', reason: 'timeout' })
    const found = env.find()
    await env.finds(a)
    await env.ends()
    await assert.rejects(found, miss('not_found'))
    assert.deepEqual(env.asked(), [])
  })

  test('asks again a peer that was only slower, never one that failed', async t => {
    const env = setUp(t)
    const first = env.find()
    await env.finds(a, b)
    await env.passes(50)
    env.requests[0]?.answer()
    await first
    if (a !== undefined) env.search.drop(a)
    const second = env.find()
    await env.finds(a, b)
    env.requests[2]?.answer()
    assert.equal(await second, 'b')
  })

  test('gives up when its signal aborts', async t => {
    const env = setUp(t)
    const found = env.find()
    await env.finds(a, b)
    env.stop.abort(new Error('client gone'))
    await assert.rejects(found, /client gone/)
    assert.equal(env.lookups[0]?.aborted, true)
    assert.equal(env.requests[0]?.signal.aborted, true)
    assert.deepEqual(env.asked(), ['a'])
  })

  test('looks at a bounded number of peers', async t => {
    const env = setUp(t, { exclude: Array.from({ length: 100 }, (_, index) => `many${index}`) })
    const found = env.find()
    for (let index = 0; index < 64; index += 1) {
      await env.finds({ id: `many${index}`, registry: { host: '127.0.0.1', port: 1 } })
    }
    await assert.rejects(found, miss('body_broken'))
  })

  test('measures the time to the first peer, or to the end without one, once a lookup', async t => {
    const env = setUp(t)
    const found = env.find()
    await env.finds(a, b)
    env.requests[0]?.answer()
    await found
    await settle()
    const missing = env.find()
    await env.ends()
    await assert.rejects(missing)
    const { text } = await env.metrics.render()
    assert.match(text, /^spegel_resolve_duration_seconds_count\{router="libp2p"\} 2$/m)
  })
})
