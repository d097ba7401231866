import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type MeshRig, startRig } from '../../../test/routing/mesh-rig.ts'
import { emptyNode, type Script, ScriptedKadPeer } from '../../../test/routing/scripted-kad-peer.ts'
import { until } from '../../../test/until.ts'
import { kadMessage } from './kad-message.ts'
import { MemberKeeper } from './member-keeper.ts'

function keep(rig: MeshRig): MemberKeeper {
  const keeper = new MemberKeeper({ ...rig, random: () => 0.5 })
  keeper.start()
  return keeper
}

/** A node that knows `others`. */
function knowing(others: readonly ScriptedKadPeer[]): Script {
  return (message, stream) =>
    message.type === 'FIND_NODE'
      ? kadMessage('FIND_NODE', { key: message.key, closer: others.map(({ kadPeer }) => kadPeer) })
      : emptyNode(message, stream)
}

test('whom a new member knows become members, and whom those know', async () => {
  await using rig = await startRig()
  keep(rig)
  const third = await rig.peer('127.0.0.4')
  const second = await rig.peer('127.0.0.3', knowing([third]))
  const first = await rig.peer('127.0.0.2', knowing([second]))
  await rig.join(first)
  await until(() => rig.members.size === 3)
})

test('members are asked again a moment after someone joined, then less and less often', async () => {
  await using rig = await startRig()
  keep(rig)
  const peer = await rig.peer('127.0.0.2')
  await rig.join(peer)
  const sweeps = (): number => peer.received.filter(({ type }) => type === 'FIND_NODE').length
  for (const [index, waitMs] of [250, 500, 1000, 2000].entries()) {
    await until(() => sweeps() === index + 1 && rig.clock.sleeps.includes(waitMs))
    rig.clock.advance(waitMs)
  }
  const late = await rig.peer('127.0.0.3')
  await until(() => sweeps() === 5)
  peer.script = knowing([late])
  await rig.join(await rig.peer('127.0.0.4'))
  await until(() => rig.clock.sleeps.includes(250))
  rig.clock.advance(250)
  await until(() => rig.members.get(late.id) !== undefined)
})

test('members are pinged every eight seconds', async () => {
  await using rig = await startRig()
  keep(rig)
  const peer = await rig.peer('127.0.0.2')
  await rig.join(peer)
  const pings = (): number => peer.received.filter(({ type }) => type === 'PING').length
  await until(() => rig.clock.sleeps.includes(8000))
  rig.clock.advance(8000)
  await until(() => pings() === 1)
})

test('a member that is gone is removed at once, and is one again when someone answers there', async () => {
  await using rig = await startRig()
  keep(rig)
  const peer = await ScriptedKadPeer.start({ host: '127.0.0.2' })
  await rig.join(peer)
  const { port } = peer.endpoint
  await peer[Symbol.asyncDispose]()
  await until(() => rig.members.size === 0)
  await using successor = await ScriptedKadPeer.start({ host: '127.0.0.2', port })
  for (let wait = 0; rig.members.size === 0; wait++) {
    assert.ok(wait < 8)
    await until(() => rig.members.size > 0 || rig.clock.sleeps.some(ms => ms >= 1000 && ms !== 8000))
    rig.clock.advance(60_000)
    await until(() => rig.members.size > 0 || rig.clock.sleeps.length >= 3)
  }
  assert.deepEqual(
    rig.members.list().map(member => member.peer.id),
    [successor.id],
  )
})

test('a member that refuses a checked request is dialled again', async () => {
  await using rig = await startRig()
  const keeper = keep(rig)
  const peer = await rig.peer('127.0.0.2', (message, stream) => {
    if (message.type !== 'PING') return emptyNode(message, stream)
    stream.abort(new Error('no'))
    return undefined
  })
  const member = await rig.join(peer)
  rig.clock.advance(60_000)
  keeper.check(member)
  await until(() => rig.members.get(peer.id) !== member)
  peer.script = emptyNode
  await until(() => rig.clock.sleeps.length >= 2)
  rig.clock.advance(60_000)
  await until(() => rig.members.get(peer.id) !== undefined)
})
