import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { seededRandom } from '../../../test/fakes/seeded-random.ts'
import { type MeshRig, startRig } from '../../../test/routing/mesh-rig.ts'
import { emptyNode, type Script, type ScriptedKadPeer } from '../../../test/routing/scripted-kad-peer.ts'
import { until } from '../../../test/until.ts'
import { type KadPeer, kadMessage } from './kad-message.ts'
import { MemberKeeper, type MemberKeeperOptions } from './member-keeper.ts'
import { MemberSearch } from './member-search.ts'
import { multiaddrOf } from './router-address.ts'

function searchOn(rig: MeshRig, options?: MemberKeeperOptions): MemberSearch {
  const random = seededRandom()
  return new MemberSearch({ ...rig, random, keeper: new MemberKeeper({ ...rig, random }, options) })
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
  searchOn(rig).start()
  const third = await rig.peer('127.0.0.4')
  const second = await rig.peer('127.0.0.3', knowing([third]))
  const first = await rig.peer('127.0.0.2', knowing([second]))
  await rig.join(first)
  await until(() => {
    rig.clock.advance(100)
    return rig.members.size === 3
  })
})

test('members are asked again a moment after someone joined, then less and less often', async () => {
  await using rig = await startRig()
  searchOn(rig).start()
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
  await until(() => {
    rig.clock.advance(100)
    return rig.members.get(late.id) !== undefined
  })
})

test('in a large mesh few of those who become known at once are dialled; the others are named again', async () => {
  await using rig = await startRig()
  const strangers: KadPeer[] = []
  while (strangers.length < 120) {
    const id = peerIdFromPrivateKey(await generateKeyPair('Ed25519')).toMultihash().bytes
    strangers.push({ id, addresses: [multiaddrOf({ host: '127.0.0.9', port: 9 }).bytes] })
  }
  const answer: Script = (message, stream) =>
    message.type === 'FIND_NODE'
      ? kadMessage('FIND_NODE', { key: message.key, closer: strangers })
      : emptyNode(message, stream)
  await rig.join(await rig.peer('127.0.0.2', answer))
  searchOn(rig, { maxConnectedMembers: 0 }).start()
  const dialled = (): number => {
    const failures = rig.log.lines.filter(({ message }) => message === 'peer cannot be reached')
    return new Set(failures.map(({ fields }) => fields['peer'])).size
  }
  await until(() => {
    rig.clock.advance(50)
    return dialled() >= 64
  })
  assert.ok(dialled() < strangers.length)
  await until(() => {
    rig.clock.advance(1000)
    return dialled() === strangers.length
  })
})

test('a sweep asks a bounded number of members', async () => {
  await using rig = await startRig()
  const peers: ScriptedKadPeer[] = []
  while (peers.length < 20) peers.push(await rig.peer(`127.0.0.${peers.length + 2}`))
  for (const peer of peers) await rig.join(peer)
  searchOn(rig).start()
  const asked = (): number => peers.filter(({ received }) => received.some(({ type }) => type === 'FIND_NODE')).length
  await until(() => rig.clock.sleeps.includes(250))
  rig.clock.advance(250)
  await until(() => asked() === 16)
  await until(() => rig.clock.sleeps.includes(500))
  assert.equal(asked(), 16)
})

test('of two nodes that learn of each other the one with the greater id waits for the other to dial', async () => {
  await using rig = await startRig()
  const strangers = [await rig.peer('127.0.0.2'), await rig.peer('127.0.0.3'), await rig.peer('127.0.0.4')]
  const [lesser, greater] = [1, -1].map(order =>
    strangers.filter(({ kadPeer }) => Buffer.compare(rig.own.idBytes, kadPeer.id) === order),
  )
  searchOn(rig).start()
  await rig.join(await rig.peer('127.0.0.9', knowing(strangers)))
  await until(() => greater?.every(({ id }) => rig.members.get(id) !== undefined) ?? false)
  assert.ok(lesser?.every(({ id }) => rig.members.get(id) === undefined))
  await until(() => {
    rig.clock.advance(100)
    return rig.members.size === 4
  })
})

test('in a large mesh the members asked in one sweep are asked for places of their own', async () => {
  await using rig = await startRig()
  const peers = [await rig.peer('127.0.0.2'), await rig.peer('127.0.0.3'), await rig.peer('127.0.0.4')]
  for (const peer of peers) await rig.join(peer)
  searchOn(rig, { maxConnectedMembers: 0 }).start()
  const targets = (sweep: number): readonly (string | undefined)[] =>
    peers.map(({ received }) => received.filter(({ type }) => type === 'FIND_NODE')[sweep]?.key.toString())
  for (const waitMs of [250, 500]) {
    await until(() => rig.clock.sleeps.includes(waitMs))
    rig.clock.advance(waitMs)
  }
  await until(() => targets(1).every(target => target !== undefined))
  assert.equal(new Set(targets(0)).size, 1)
  assert.equal(new Set(targets(1)).size, peers.length)
})
