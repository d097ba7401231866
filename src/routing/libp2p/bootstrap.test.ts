import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type MeshRig, startRig } from '../../../test/routing/mesh-rig.ts'
import { until } from '../../../test/until.ts'
import { Bootstrap } from './bootstrap.ts'
import type { Candidate } from './dialer.ts'

const NOBODY: Candidate = { id: undefined, endpoints: [{ host: '127.0.0.9', port: 9 }] }

/** Runs bootstrap on the rig's clock; the test says what each round is answered. */
function run(rig: MeshRig, answer: (round: number) => readonly Candidate[]) {
  const asked: number[] = []
  const bootstrap = new Bootstrap({
    ...rig,
    random: () => 0.5,
    bootstrapper: {
      async peers() {
        asked.push(rig.clock.now())
        return answer(asked.length - 1)
      },
    },
  })
  rig.background.run('bootstrap', signal => bootstrap.run({ signal }))
  /** Lets one round end and the next one begin. */
  const next = async (): Promise<void> => {
    await until(() => rig.clock.sleeps.length === 1)
    rig.clock.advance(rig.clock.sleeps[0] ?? 0)
  }
  return { asked, bootstrap, next }
}

function messages({ log }: MeshRig): readonly string[] {
  return log.lines.filter(({ level }) => level !== 'debug').map(({ message }) => message)
}

test('without a member, bootstrap is tried again after growing waits of five seconds at most, and a state is logged once', async () => {
  await using rig = await startRig()
  const { asked, next } = run(rig, () => [NOBODY])
  for (let round = 0; round < 7; round++) await next()
  await until(() => asked.length === 8)
  assert.deepEqual(asked, [0, 250, 750, 1750, 3750, 7750, 12_750, 17_750])
  assert.deepEqual(messages(rig), ['no bootstrap peer can be reached'])
})

test('a bootstrap that fails or names nobody is logged once for each change, and tried again', async () => {
  await using rig = await startRig()
  const failure = new Error('no such name')
  const answers: (() => readonly Candidate[])[] = [
    () => {
      throw failure
    },
    () => {
      throw failure
    },
    () => [],
    () => [],
    () => [NOBODY],
  ]
  const { bootstrap, next } = run(rig, round => answers[round]?.() ?? [])
  for (let round = 0; round < 4; round++) await next()
  await until(() => messages(rig).length === 3)
  assert.deepEqual(messages(rig), ['bootstrap failed', 'bootstrap names no peer', 'no bootstrap peer can be reached'])
  assert.equal(rig.log.lines.find(({ level }) => level === 'error')?.fields['error'], failure)
  assert.equal(bootstrap.alone, false)
})

test('a node that is told of nobody but itself for ten seconds is alone, by id and by address', async () => {
  for (const byId of [true, false]) {
    await using rig = await startRig()
    const self = { id: byId ? rig.own.id : undefined, endpoints: rig.own.endpoints }
    const { bootstrap } = run(rig, () => [self])
    await until(() => messages(rig).includes('bootstrap names only this node'))
    rig.clock.advance(9999)
    assert.equal(bootstrap.alone, false)
    rig.clock.advance(1)
    assert.equal(bootstrap.alone, true)
  }
})

test('a member that joins by bootstrap ends the retries; when it is gone they begin anew', async () => {
  await using rig = await startRig()
  const peer = await rig.peer('127.0.0.2')
  const { asked, bootstrap, next } = run(rig, () => [{ id: undefined, endpoints: [peer.endpoint] }])
  await until(() => rig.members.size === 1 && rig.clock.sleeps.length === 1)
  assert.deepEqual(rig.clock.sleeps, [30 * 60 * 1000])
  assert.equal(bootstrap.alone, false)
  const [member] = rig.members.list()
  assert.equal(member?.peer.id, peer.id)
  rig.clock.advance(10_000)
  rig.members.remove(member)
  await until(() => rig.clock.sleeps[0] === 250)
  await next()
  await until(() => rig.members.size === 1)
  assert.equal(asked.length, 2)
})

test('a peer that drops this node as soon as it has joined is tried less and less often', async () => {
  await using rig = await startRig()
  rig.members.subscribe({ joined: member => setImmediate(() => rig.members.remove(member)) })
  const peer = await rig.peer('127.0.0.2')
  const { asked, next } = run(rig, () => [{ id: undefined, endpoints: [peer.endpoint] }])
  for (let round = 0; round < 3; round++) {
    await until(() => (rig.clock.sleeps[0] ?? Number.POSITIVE_INFINITY) < 30 * 60 * 1000)
    await next()
  }
  await until(() => asked.length === 4)
  assert.deepEqual(asked, [0, 250, 750, 1750])
})
