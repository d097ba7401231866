import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { ManualClock } from '../../test/fakes/manual-clock.ts'
import type { PeerBody } from '../http/peer-client.ts'
import { PeerStallError } from './errors.ts'
import { StallGuard } from './stall-guard.ts'

/** A body that brings a chunk when told to. */
class ManualBody implements PeerBody {
  #pending = Promise.withResolvers<Buffer | undefined>()

  read(): Promise<Buffer | undefined> {
    this.#pending = Promise.withResolvers()
    return this.#pending.promise
  }

  bring(bytes: number): void {
    this.#pending.resolve(bytes === 0 ? undefined : Buffer.alloc(bytes))
  }

  destroy(): void {
    this.#pending.reject(new Error('destroyed'))
  }
}

function setUp(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const clock = new ManualClock()
  const body = new ManualBody()
  const guard = new StallGuard({ windowMs: 5000, minBytes: 100, takeoverMs: 1000 }, { now: clock.now })
  const watched = guard.watch(body)
  t.after(() => watched[Symbol.dispose]())
  const pass = (ms: number) => {
    for (let passed = 0; passed < ms; passed += 1) {
      clock.advance(1)
      t.mock.timers.tick(1)
    }
  }
  /** Reads and has `bytes` come after `ms`; resolves with their number. */
  const bring = async (bytes: number, ms = 0) => {
    const chunk = watched.read()
    pass(ms)
    body.bring(bytes)
    return (await chunk)?.length ?? 0
  }
  /** Reads and has nothing come; the error, at the end of `ms` and no sooner. */
  const stall = async (ms: number) => {
    let given: unknown
    const chunk = watched.read().catch((error: unknown) => {
      given = error
    })
    pass(ms - 1)
    await new Promise(resolve => setImmediate(resolve))
    assert.equal(given, undefined)
    pass(1)
    await chunk
    return given
  }
  return { body, guard, watched, pass, bring, stall }
}

describe('StallGuard', () => {
  test('passes chunks and the end on', async t => {
    const { bring } = setUp(t)
    for (const bytes of [30, 1, 0]) assert.equal(await bring(bytes), bytes)
  })

  test('gives up and destroys a body that brings nothing for the whole window', async t => {
    const { body, stall } = setUp(t)
    const destroyed = t.mock.method(body, 'destroy')
    assert.deepEqual(await stall(5000), new PeerStallError(0, 5000))
    assert.equal(destroyed.mock.callCount(), 1)
  })

  test('gives up a body that brings a byte a second', async t => {
    const { bring, stall } = setUp(t)
    for (let second = 0; second < 4; second += 1) await bring(1, 1000)
    assert.deepEqual(await stall(1000), new PeerStallError(4, 5000))
  })

  test('lets a body go on that brings enough in each window', async t => {
    const { bring } = setUp(t)
    for (let window = 0; window < 10; window += 1) assert.equal(await bring(100, 4900), 100)
  })

  test('does not count time in which nothing is read', async t => {
    const { bring, pass } = setUp(t)
    await bring(1)
    pass(60_000)
    assert.equal(await bring(1, 4999), 1)
  })

  test('gives whoever takes over a second, once', async t => {
    const { guard, stall } = setUp(t)
    await stall(5000)
    assert.equal(guard.exhausted, false)
    assert.deepEqual(await stall(1000), new PeerStallError(0, 6000))
    assert.equal(guard.exhausted, true)
  })

  test('counts the time spent on finding who takes over', async t => {
    const { guard, stall } = setUp(t)
    await stall(5000)
    guard.addWait(900)
    await stall(100)
    assert.equal(guard.exhausted, true)
  })

  test('counts the time that was spent on a body that broke off', async t => {
    const { body, watched, pass, stall } = setUp(t)
    const chunk = watched.read()
    pass(4000)
    body.destroy()
    await assert.rejects(chunk)
    await stall(1000)
  })

  test('starts anew once enough has come', async t => {
    const { guard, bring, stall } = setUp(t)
    await stall(5000)
    await bring(100, 900)
    await stall(5000)
    assert.equal(guard.exhausted, false)
  })
})
