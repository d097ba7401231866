import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { patience } from '../../test/contracts/store-contract.ts'
import { ManualTime } from '../../test/fakes/manual-time.ts'
import { MemoryLog } from '../../test/fakes/memory-log.ts'
import { until } from '../../test/until.ts'
import type { ProbeResult } from '../http/registry-probe.ts'
import { RegistryReachability } from './registry-reachability.ts'

const ANSWERS: ProbeResult = { kind: 'answers' }
const SILENT: ProbeResult = { kind: 'silent', reason: 'connect ECONNREFUSED' }
const REGISTRY = 'registry.example'

/** What probes find is what the test says at that time. */
class Scene implements AsyncDisposable {
  readonly time = new ManualTime()
  readonly log = new MemoryLog()
  /** Registries probed, in order. */
  readonly probed: string[] = []
  finds: ProbeResult = ANSWERS
  /** What each probe waits for. */
  delay: Promise<unknown> = Promise.resolve()
  readonly reachability = new RegistryReachability({
    probe: async (registry, { signal }) => {
      this.probed.push(registry)
      const aborted = new Promise(resolve => signal.addEventListener('abort', resolve))
      await Promise.race([this.delay, aborted])
      return this.finds
    },
    clock: this.time,
    log: this.log,
    random: () => 0.5,
  })

  answers(registry = REGISTRY): Promise<boolean> {
    return this.reachability.answers(registry, { signal: patience() })
  }

  /** Lets what is due happen. */
  async pass(ms: number): Promise<void> {
    this.time.advance(ms)
    await turn()
  }

  /** From now on no probe ends. */
  hang(): void {
    this.delay = new Promise(() => undefined)
  }

  get told(): readonly string[] {
    return this.log.lines.map(
      ({ level, message, fields }) => `${level} ${message.split(':')[0]} ${String(fields['registry'])}`,
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.reachability[Symbol.asyncDispose]()
  }
}

describe('a registry', () => {
  test('is probed when it is first asked about, once for all who ask', async () => {
    await using scene = new Scene()
    assert.equal(scene.reachability.watches(REGISTRY), false)
    assert.deepEqual(await Promise.all([scene.answers(), scene.answers(), scene.answers()]), [true, true, true])
    assert.deepEqual(scene.probed, [REGISTRY])
    assert.equal(scene.reachability.watches(REGISTRY), true)
  })

  test('that does not answer twice in a row is silent', async () => {
    await using scene = new Scene()
    scene.finds = SILENT
    assert.equal(await scene.answers(), false)
    assert.equal(scene.probed.length, 2)
  })

  test('is not probed again while what is known is fresh', async () => {
    await using scene = new Scene()
    await scene.answers()
    await scene.pass(1999)
    scene.finds = SILENT
    assert.equal(await scene.answers(), true)
    assert.equal(scene.probed.length, 1)
    await scene.pass(1)
    assert.equal(await scene.answers(), false)
    await scene.pass(999)
    scene.finds = ANSWERS
    assert.equal(await scene.answers(), false)
    await scene.pass(1)
    assert.equal(await scene.answers(), true)
  })

  test('is waited for a quarter of a second, and then held to answer while nothing is known', async () => {
    await using scene = new Scene()
    scene.hang()
    const waiting = scene.answers()
    await turn()
    assert.deepEqual(scene.time.sleeps, [250])
    await scene.pass(250)
    assert.equal(await waiting, true)
  })

  for (const before of [ANSWERS, SILENT]) {
    test(`is waited for 20 ms where it was ${before.kind} before, and then held to be so still`, async () => {
      await using scene = new Scene()
      scene.finds = before
      await scene.answers()
      await scene.pass(5000)
      scene.hang()
      const waiting = scene.answers()
      await turn()
      assert.equal(scene.time.sleeps[0], 20)
      await scene.pass(20)
      assert.equal(await waiting, before === ANSWERS)
    })
  }

  test('is told of when it falls silent and when it answers again, once', async () => {
    await using scene = new Scene()
    for (const finds of [ANSWERS, SILENT, SILENT, ANSWERS, ANSWERS]) {
      scene.finds = finds
      await scene.answers()
      await scene.pass(2000)
    }
    assert.deepEqual(scene.told, [
      `info registry does not answer ${REGISTRY}`,
      `info registry answers again ${REGISTRY}`,
    ])
    assert.equal(scene.log.lines[0]?.fields['reason'], SILENT.kind === 'silent' ? SILENT.reason : '')
  })

  test('that must not be probed keeps its tags', async () => {
    await using scene = new Scene()
    scene.finds = { kind: 'off_limits' }
    assert.equal(await scene.answers(), true)
    assert.deepEqual(scene.told, [`info registry is not probed, its tags are resolved there ${REGISTRY}`])
  })
})

describe('in the background', () => {
  test('a registry that answers is probed every 30 s, a silent one every 10 s', async () => {
    await using scene = new Scene()
    await scene.answers()
    await until(() => scene.time.sleeps.length === 1)
    assert.deepEqual(scene.time.sleeps, [30_000])
    scene.finds = SILENT
    await scene.pass(30_000)
    await until(() => scene.time.sleeps.length === 1)
    assert.deepEqual(scene.time.sleeps, [10_000])
    assert.equal(scene.probed.length, 3)
  })

  test('it is probed until nobody has asked for a quarter of an hour', async () => {
    await using scene = new Scene()
    await scene.answers()
    for (let minutes = 0; minutes < 24.5; minutes += 0.5) {
      await until(() => scene.time.sleeps.length === 1)
      if (minutes === 10) await scene.answers()
      await scene.pass(30_000)
    }
    assert.equal(scene.reachability.watches(REGISTRY), true)
    await until(() => scene.time.sleeps.length === 1)
    const { length } = scene.probed
    await scene.pass(30_000)
    await until(() => !scene.reachability.watches(REGISTRY))
    assert.equal(scene.probed.length, length)
  })

  test('no more than 64 registries are watched; tags of the others are left to them', async () => {
    await using scene = new Scene()
    scene.finds = SILENT
    const names = Array.from({ length: 70 }, (_, n) => `registry-${n}.example`)
    const answers = await Promise.all(names.map(name => scene.answers(name)))
    assert.deepEqual(answers, [...Array<boolean>(64).fill(false), ...Array<boolean>(6).fill(true)])
    assert.equal(new Set(scene.probed).size, 64)
  })

  test('nothing goes on once it is closed', async () => {
    const scene = new Scene()
    scene.hang()
    scene.finds = SILENT
    const waiting = scene.answers()
    await scene[Symbol.asyncDispose]()
    assert.deepEqual(scene.told, [])
    assert.equal(await waiting, true)
    assert.deepEqual(scene.time.sleeps, [])
    assert.equal(await scene.answers('other.example'), true)
    assert.deepEqual(scene.probed, [REGISTRY])
  })
})
