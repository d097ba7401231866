import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { patience } from '../../../test/contracts/store-contract.ts'
import { ManualTime } from '../../../test/fakes/manual-time.ts'
import { MemoryLog } from '../../../test/fakes/memory-log.ts'
import { FakeRecordTarget } from '../../../test/fakes/record-target.ts'
import { seededRandom } from '../../../test/fakes/seeded-random.ts'
import { until } from '../../../test/until.ts'
import { Background } from './background.ts'
import { placementOf } from './placement.ts'
import { PositionIndex } from './position-index.ts'
import { Provide, REFRESH_MS } from './provide.ts'
import { type RecordKey, recordKey } from './record-key.ts'
import type { RecordTarget } from './record-target.ts'

const SECOND_MS = 1000
const KEYS = Array.from({ length: 450 }, (_, index) => `key ${index}`)
const NAMES = KEYS.map(key => nameOf(recordKey(key)))

function nameOf({ bytes }: RecordKey): string {
  return bytes.toString('latin1')
}

function setup() {
  const clock = new ManualTime()
  const background = new Background(new MemoryLog())
  const provide = new Provide({ clock, background, random: seededRandom() })
  provide.start()
  return {
    provide,
    clock,
    /** Lets so much time pass, second by second. */
    async pass(ms: number) {
      for (let passed = 0; passed < ms; passed += SECOND_MS) {
        clock.advance(SECOND_MS)
        await setImmediate()
      }
    },
    join(count: number, kind: 'spegel' | 'kad' = 'spegel'): readonly FakeRecordTarget[] {
      const targets = Array.from({ length: count }, () => new FakeRecordTarget(kind))
      for (const target of targets) provide.joined(target)
      return targets
    },
    [Symbol.asyncDispose]: () => background[Symbol.asyncDispose](),
  }
}

function announcements(target: FakeRecordTarget): readonly string[] {
  return target.calls.filter(({ kind }) => kind === 'announce').flatMap(({ keys }) => keys)
}

/** Whether exactly those members hold each key that placement says. */
function isPlaced(targets: readonly FakeRecordTarget[], keys: readonly string[]): boolean {
  const index = new PositionIndex<RecordTarget>()
  for (const target of targets) index.add(target)
  return keys.map(recordKey).every(key => {
    const { holders } = placementOf(index, key.position)
    return holders.every(holder => holder instanceof FakeRecordTarget && holder.held.has(nameOf(key)))
  })
}

test('advertise resolves when every member of a few has been told of every key, once', async () => {
  await using rig = setup()
  const targets = rig.join(3)
  await rig.provide.advertise(KEYS, { signal: patience() })
  await rig.provide.advertise(KEYS, { signal: patience() })
  for (const target of targets) assert.deepEqual(announcements(target), NAMES)
})

test('of many members those nearest to each key are told, and few others', async () => {
  await using rig = setup()
  const targets = rig.join(60)
  await rig.provide.advertise(KEYS, { signal: patience() })
  assert.ok(isPlaced(targets, KEYS))
  assert.equal(
    targets.reduce((sum, target) => sum + target.held.size, 0),
    5 * KEYS.length,
  )
})

test('a member that joins a few is told at once of what is still advertised', async () => {
  await using rig = setup()
  await rig.provide.advertise(KEYS, { signal: patience() })
  await rig.provide.withdraw(KEYS.slice(10), { signal: patience() })
  assert.deepEqual(
    [rig.provide.provides(recordKey('key 9').bytes), rig.provide.provides(recordKey('key 10').bytes)],
    [true, false],
  )
  const [target] = rig.join(1)
  await until(() => target?.held.size === 10)
  assert.deepEqual(target && announcements(target), NAMES.slice(0, 10))
})

test('as a mesh grows and shrinks, members that come to be nearest to a key are told of it within moments', async () => {
  await using rig = setup()
  await rig.provide.advertise(KEYS, { signal: patience() })
  const targets = [...rig.join(90)]
  await rig.pass(4 * SECOND_MS)
  assert.ok(isPlaced(targets, KEYS))
  for (const gone of targets.splice(0, 75)) rig.provide.left(gone)
  await rig.pass(4 * SECOND_MS)
  assert.ok(isPlaced(targets, KEYS))
})

test('in a large mesh a change is passed on bit by bit', async () => {
  await using rig = setup()
  const targets = [...rig.join(1000)]
  await rig.provide.advertise(KEYS, { signal: patience() })
  const late = rig.join(30)
  targets.push(...late)
  await rig.pass(2 * SECOND_MS)
  assert.ok(!isPlaced(targets, KEYS))
  await rig.pass(20 * SECOND_MS)
  assert.ok(isPlaced(targets, KEYS))
})

test('withdraw resolves when every member that was told holds the keys no longer', async () => {
  await using rig = setup()
  const targets = [...rig.join(3), ...rig.join(60)]
  await rig.provide.advertise(KEYS, { signal: patience() })
  await rig.provide.withdraw(KEYS.slice(100), { signal: patience() })
  const left = new Set<string>()
  for (const target of targets) for (const name of target.held) left.add(name)
  assert.deepEqual(left, new Set(NAMES.slice(0, 100)))
})

test('members that held a key before others came nearer are told that it is withdrawn', async () => {
  await using rig = setup()
  const first = rig.join(5)
  await rig.provide.advertise(KEYS, { signal: patience() })
  rig.join(200)
  await rig.pass(REFRESH_MS + 20 * SECOND_MS)
  await rig.provide.withdraw(KEYS, { signal: patience() })
  assert.deepEqual(
    first.map(target => target.held.size),
    [0, 0, 0, 0, 0],
  )
})

test('nothing is taken back from a member that has no message for it', async () => {
  await using rig = setup()
  const [target] = rig.join(1, 'kad')
  await rig.provide.advertise(['key 1'], { signal: patience() })
  await rig.provide.withdraw(['key 1'], { signal: patience() })
  assert.deepEqual(
    target?.calls.map(({ kind }) => kind),
    ['announce'],
  )
})

test('a key that is withdrawn while it is being announced, and one that is announced again, end up as was said last', async () => {
  await using rig = setup()
  const [target] = rig.join(1)
  assert.ok(target)
  const release = Promise.withResolvers<void>()
  target.delay = release.promise
  const calls = [
    rig.provide.advertise(['key 1', 'key 2'], { signal: patience() }),
    rig.provide.withdraw(['key 1', 'key 2'], { signal: patience() }),
    rig.provide.advertise(['key 2'], { signal: patience() }),
  ]
  release.resolve()
  await Promise.all(calls)
  assert.deepEqual([...target.held], NAMES.slice(2, 3))
})

test('a member that refuses is told again until it does not, and advertise does not wait for it', async () => {
  await using rig = setup()
  const [target] = rig.join(1)
  assert.ok(target)
  target.refuses = true
  await rig.provide.advertise(['key 1'], { signal: patience() })
  target.refuses = false
  await rig.pass(SECOND_MS)
  assert.deepEqual([...target.held], NAMES.slice(1, 2))
})

test('every key is announced again within a quarter of an hour, evenly spread, and once in each from then on', async () => {
  await using rig = setup()
  const [target] = rig.join(1)
  assert.ok(target)
  await rig.provide.advertise(KEYS, { signal: patience() })
  for (const quarter of ['first', 'second']) {
    target.calls.length = 0
    const perMinute: number[] = []
    for (let minute = 0; minute < 15; minute++) {
      const before = announcements(target).length
      await rig.pass(60 * SECOND_MS)
      perMinute.push(announcements(target).length - before)
    }
    assert.deepEqual(announcements(target).toSorted(), NAMES.toSorted(), `${quarter} quarter`)
    assert.ok(Math.max(...perMinute) < 3 * (KEYS.length / 15), `${quarter} quarter: ${perMinute.join(' ')}`)
  }
})

test('keys that are near each other are refreshed together', async () => {
  await using rig = setup()
  const targets = rig.join(200)
  await rig.provide.advertise(KEYS, { signal: patience() })
  for (const target of targets) target.calls.length = 0
  await rig.pass(REFRESH_MS)
  const calls = targets.reduce((sum, target) => sum + target.calls.length, 0)
  const keys = targets.reduce((sum, target) => sum + announcements(target).length, 0)
  assert.equal(keys, 5 * KEYS.length)
  assert.ok(keys / calls > 2, `${keys} keys in ${calls} messages`)
})

test('a member that knows enough holders of a key is spared it for three refreshes', async () => {
  await using rig = setup()
  const [target] = rig.join(1)
  assert.ok(target)
  target.enough.add(NAMES[1] ?? '')
  await rig.provide.advertise(KEYS.slice(0, 2), { signal: patience() })
  const counts: number[] = []
  for (let refresh = 0; refresh < 5; refresh++) {
    target.calls.length = 0
    await rig.pass(REFRESH_MS)
    counts.push(announcements(target).length)
  }
  assert.deepEqual(counts, [1, 1, 1, 2, 1])
})

test('leaving takes back everything, and does not wait for who does not answer', async () => {
  await using rig = setup()
  const [quick, slow] = rig.join(2)
  assert.ok(quick && slow)
  await rig.provide.advertise(KEYS, { signal: patience() })
  slow.delay = new Promise(() => {})
  const giveUp = new AbortController()
  const leaving = rig.provide.leave({ signal: giveUp.signal })
  await until(() => quick.held.size === 0)
  giveUp.abort()
  await leaving
  assert.equal(slow.held.size, KEYS.length)
})

test('keys are placed anew some at a time, so that other work has its turn, by the members that there are then', async () => {
  await using rig = setup()
  const keys = Array.from({ length: 3000 }, (_, index) => `many ${index}`)
  await rig.provide.advertise(keys, { signal: patience() })
  const targets = [...rig.join(20)]
  await until(() => targets.every(({ held }) => held.size === keys.length))
  const late = rig.join(1)
  targets.push(...late)
  await setImmediate()
  const gone = targets.splice(0, 1)
  for (const target of gone) rig.provide.left(target)
  targets.push(...rig.join(5))
  let turns = 0
  await until(async () => {
    await setImmediate()
    turns++
    return isPlaced(targets, keys)
  })
  assert.ok(turns > 2, `placed in ${turns} turns`)
})
