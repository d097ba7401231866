import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type MeshRig, startRig } from '../../../test/routing/mesh-rig.ts'
import { ScriptedKadPeer } from '../../../test/routing/scripted-kad-peer.ts'
import { until } from '../../../test/until.ts'
import { Bootstrap } from './bootstrap.ts'
import type { Candidate } from './dialer.ts'

const NOBODY: Candidate = { id: undefined, endpoints: [{ host: '127.0.0.9', port: 9 }] }

function fail(): never {
  throw new Error('no such name')
}

/** Runs bootstrap on the rig's clock; the test says what each round is answered. */
function run(
  rig: MeshRig,
  answer: (round: number) => readonly Candidate[],
  options: { readonly random?: () => number; readonly remembered?: () => readonly Candidate[] } = {},
) {
  const asked: number[] = []
  const bootstrap = new Bootstrap({
    ...rig,
    random: () => 0.5,
    remembered: () => [],
    ...options,
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

test('without a member, bootstrap is tried again after growing waits of four seconds at most, and a state is logged once', async () => {
  await using rig = await startRig()
  const { asked, next } = run(rig, () => [NOBODY])
  for (let round = 0; round < 7; round++) await next()
  await until(() => asked.length === 8)
  assert.deepEqual(asked, [0, 250, 750, 1750, 3750, 7750, 11_750, 15_750])
  assert.deepEqual(messages(rig), ['no bootstrap peer can be reached'])
})

test('a bootstrap that fails or names nobody is logged once for each change, and tried again', async () => {
  await using rig = await startRig()
  const answers: (() => readonly Candidate[])[] = [fail, fail, () => [], () => [], () => [NOBODY]]
  const { bootstrap, next } = run(rig, round => answers[round]?.() ?? [])
  for (let round = 0; round < 4; round++) await next()
  await until(() => messages(rig).length === 3)
  assert.deepEqual(messages(rig), ['bootstrap failed', 'bootstrap names no peer', 'no bootstrap peer can be reached'])
  const failure = rig.log.lines.find(({ level }) => level === 'error')?.fields['error']
  assert.ok(failure instanceof Error && failure.message === 'no such name')
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

test('however the dice fall and however long a round takes, the next one begins after six seconds at most', async () => {
  await using rig = await startRig()
  const nobody = (): readonly Candidate[] => {
    rig.clock.advance(3000)
    return [NOBODY]
  }
  const { asked, next } = run(rig, nobody, { random: () => 0.999 })
  for (let round = 0; round < 8; round++) {
    await until(() => asked.length > round)
    // Before, a round takes longer than the wait.
    if (round >= 4) await next()
  }
  const gaps = asked.slice(1).map((at, index) => at - (asked[index] ?? 0))
  assert.ok(gaps.every(gap => gap < 6000))
})

test('when all peers are gone for a minute and come back, they are members again within ten seconds', async () => {
  await using rig = await startRig()
  const first = await ScriptedKadPeer.start({ host: '127.0.0.2' })
  const candidate = { id: undefined, endpoints: [first.endpoint] }
  const { next } = run(rig, () => [candidate], { random: () => 0.999 })
  await until(() => rig.members.size === 1)
  rig.clock.advance(60_000)
  await first[Symbol.asyncDispose]()
  for (const member of rig.members.list()) rig.members.remove(member)
  const goneAt = rig.clock.now()
  while (rig.clock.now() < goneAt + 60_000) await next()
  await until(() => rig.clock.sleeps.length === 1)
  const backAt = rig.clock.now()
  await using _second = await ScriptedKadPeer.start({ host: '127.0.0.2', port: first.endpoint.port })
  await next()
  await until(() => rig.members.size === 1)
  assert.ok(rig.clock.now() - backAt < 10_000)
  await until(() => messages(rig).at(-1) === 'bootstrap reached the mesh')
  assert.deepEqual(
    messages(rig).filter(message => message.includes('bootstrap')),
    ['bootstrap reached the mesh', 'no bootstrap peer can be reached', 'bootstrap reached the mesh'],
  )
})

test('with members, bootstrap is asked again every half hour', async () => {
  await using rig = await startRig()
  const [peer, other] = [await rig.peer('127.0.0.2'), await rig.peer('127.0.0.3')]
  const answers = [peer, other].map(({ endpoint }) => ({ id: undefined, endpoints: [endpoint] }))
  const { asked, next } = run(rig, round => answers.slice(round, round + 1))
  await until(() => rig.members.size === 1)
  await next()
  await until(() => rig.members.size === 2)
  assert.deepEqual(asked, [0, 30 * 60 * 1000])
})

test('of many peers that bootstrap names, thirty-two drawn by lot are dialled', async () => {
  for (const [dice, expected] of [
    [0, 'no bootstrap peer can be reached'],
    [0.999, 'bootstrap reached the mesh'],
  ] as const) {
    await using rig = await startRig()
    const peer = await rig.peer('127.0.0.2')
    const dead = Array.from({ length: 99 }, () => NOBODY)
    run(rig, () => [...dead, { id: undefined, endpoints: [peer.endpoint] }], { random: () => dice })
    await until(() => messages(rig).some(message => message.includes('bootstrap')))
    assert.ok(messages(rig).includes(expected))
    const failures = rig.log.lines.filter(({ message }) => message === 'bootstrap peer cannot be reached')
    assert.equal(failures.length, dice === 0 ? 32 : 31)
  }
})

test('members of old lead to the mesh where bootstrap fails, and do not count otherwise', async () => {
  await using rig = await startRig()
  const peer = await rig.peer('127.0.0.2')
  const remembered = () => [NOBODY, { id: peer.id, endpoints: [peer.endpoint] }]
  run(rig, fail, { remembered })
  await until(() => rig.members.size === 1)
  await until(() => messages(rig).includes('bootstrap reached the mesh'))
  assert.ok(!messages(rig).includes('bootstrap failed'))

  await using lonely = await startRig()
  const self = { id: lonely.own.id, endpoints: lonely.own.endpoints }
  const { bootstrap } = run(lonely, () => [self], { remembered: () => [NOBODY] })
  await until(() => messages(lonely).includes('bootstrap names only this node'))
  lonely.clock.advance(10_000)
  assert.equal(bootstrap.alone, true)
})
