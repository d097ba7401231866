import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { ManualClock } from '../../test/fakes/manual-clock.ts'
import { RepeatedFairTimeout } from './repeated-fair-timeout.ts'

const nextTurn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

function setUp(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const clock = new ManualClock()
  const onTimeout = t.mock.fn()
  const timeout = new RepeatedFairTimeout({ now: clock.now, onTimeout })
  t.after(() => timeout[Symbol.dispose]())
  return {
    timeout,
    /** Lets time pass; how many waits have run out by then. */
    pass: async (ms: number) => {
      for (let passed = 0; passed < ms; passed += 1) {
        clock.advance(1)
        t.mock.timers.tick(1)
      }
      await nextTurn()
      return onTimeout.mock.callCount()
    },
    /** Holds the process up: its timers run once, at the end. */
    holdUp: async (ms: number) => {
      clock.advance(ms)
      t.mock.timers.tick(1)
      await nextTurn()
      return onTimeout.mock.callCount()
    },
  }
}

describe('RepeatedFairTimeout', () => {
  it('tells of a wait that does not end, once', async t => {
    const { timeout, pass } = setUp(t)
    timeout.begin(100)
    assert.equal(await pass(99), 0)
    assert.equal(await pass(1), 1)
    assert.equal(await pass(1000), 1)
  })

  it('tells of none that ends in time, however many there are', async t => {
    const { timeout, pass } = setUp(t)
    for (let wait = 0; wait < 20; wait += 1) {
      timeout.begin(100)
      assert.equal(await pass(99), 0)
      timeout.end()
    }
    assert.equal(await pass(1000), 0)
  })

  it('gives each wait all of its time, whatever timer the ones before it left', async t => {
    const { timeout, pass } = setUp(t)
    timeout.begin(100)
    await pass(60)
    timeout.begin(100)
    assert.equal(await pass(99), 0)
    assert.equal(await pass(1), 1)
  })

  it('makes a short wait no longer for a long one before it', async t => {
    const { timeout, pass } = setUp(t)
    timeout.begin(1000)
    timeout.end()
    timeout.begin(10)
    assert.equal(await pass(9), 0)
    assert.equal(await pass(1), 1)
  })

  it('counts one hold-up of the process as half of a wait at most', async t => {
    const { timeout, pass, holdUp } = setUp(t)
    timeout.begin(100)
    await pass(49)
    assert.equal(await holdUp(10_000), 0)
    assert.equal(await pass(49), 0)
    assert.equal(await pass(1), 1)
  })

  it('lets a wait end in the turn in which its time is over', async t => {
    const { timeout, pass } = setUp(t)
    timeout.begin(100)
    const timeouts = pass(100)
    timeout.end()
    assert.equal(await timeouts, 0)
  })

  it('is silent once it is disposed of', async t => {
    const { timeout, pass } = setUp(t)
    timeout.begin(100)
    timeout[Symbol.dispose]()
    assert.equal(await pass(1000), 0)
  })
})
