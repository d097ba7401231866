import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { patience } from '../../../test/contracts/store-contract.ts'
import { type MeshRig, startRig } from '../../../test/routing/mesh-rig.ts'
import { ScriptedKadPeer } from '../../../test/routing/scripted-kad-peer.ts'
import { until } from '../../../test/until.ts'
import { MAX_CONNECTIONS } from './connections.ts'
import { kadMessage } from './kad-message.ts'
import type { Member } from './members.ts'
import { KAD_PROTOCOL } from './node.ts'
import { multiaddrOf } from './router-address.ts'

async function joinMany(rig: MeshRig, count: number): Promise<readonly Member[]> {
  const members: Member[] = []
  while (members.length < count) members.push(await rig.join(await rig.peer(`127.0.0.${members.length + 2}`)))
  return members
}

const ping = (member: Member) => member.stream.request(kadMessage('PING'), { signal: patience() })

const open = ({ connections }: MeshRig, { peer: { id }, router }: Member) =>
  connections.open({ id, router }, KAD_PROTOCOL, { signal: patience() })

function connected(rig: MeshRig, members: readonly Member[]): readonly boolean[] {
  return members.map(({ peer }) => rig.connections.isConnected(peer.id))
}

test('a node holds 300 connections at most', () => {
  assert.equal(MAX_CONNECTIONS, 300)
})

test('beyond the limit the connection used least recently is closed; its peer stays a member and is connected on demand', async () => {
  await using rig = await startRig({ maxConnections: 3 })
  const members = await joinMany(rig, 3)
  for (const member of members) await ping(member)
  const [first, second] = members
  assert.ok(first && second)
  await open(rig, first)
  await rig.join(await rig.peer('127.0.0.9'))
  assert.deepEqual(connected(rig, members), [true, false, true])
  assert.equal(rig.connections.size, 3)
  assert.equal(rig.members.size, 4)
  await ping(second)
  assert.equal(rig.connections.isConnected(second.peer.id), true)
  assert.equal(rig.connections.size, 3)
  assert.equal(rig.members.size, 4)
})

test('a connection that nothing goes on over is closed before one in use', async () => {
  await using rig = await startRig({ maxConnections: 3 })
  const members = await joinMany(rig, 3)
  const [used, , alsoUsed] = members
  assert.ok(used && alsoUsed)
  for (const member of [used, alsoUsed]) await ping(member)
  await until(() => rig.node.getConnections().filter(({ streams }) => streams.length === 0).length === 1)
  await rig.join(await rig.peer('127.0.0.9'))
  assert.deepEqual(connected(rig, members), [true, false, true])
})

test('streams opened at the same time share one new connection', async () => {
  await using rig = await startRig()
  const [member] = await joinMany(rig, 1)
  assert.ok(member)
  rig.connections.drop(member.peer.id, 'to be opened anew')
  assert.equal(rig.connections.isConnected(member.peer.id), false)
  const streams = await Promise.all([1, 2, 3].map(() => open(rig, member)))
  assert.equal(streams.length, 3)
  assert.equal(rig.node.getConnections().length, 1)
})

test('a stream to a peer that is gone is an error, as is one to where another peer answers', async () => {
  await using rig = await startRig()
  const [member, other] = await joinMany(rig, 2)
  assert.ok(member && other)
  rig.connections.drop(member.peer.id, 'to be opened anew')
  const nowhere = { id: member.peer.id, router: { host: '127.0.0.9', port: 9 } }
  const elsewhere = { id: member.peer.id, router: other.router }
  for (const reachable of [nowhere, elsewhere]) {
    await assert.rejects(rig.connections.open(reachable, KAD_PROTOCOL, { signal: patience() }), {
      code: 'PEER_UNREACHABLE',
    })
  }
})

test('of two connections between the same nodes the one that the lesser id dialled remains, on both sides', async () => {
  await using rig = await startRig()
  const peer = await rig.peer('127.0.0.2')
  const [own] = rig.own.endpoints
  assert.ok(own)
  await rig.join(peer)
  await peer.connect(own)
  await until(() => rig.connections.size === 2)
  rig.connections.settle()
  assert.equal(rig.connections.size, 2)
  rig.clock.advance(10_000)
  rig.connections.settle()
  const isLesser = rig.own.id < peer.id
  assert.equal(rig.connections.size, isLesser ? 2 : 1)
  assert.equal(rig.connections.isConnected(peer.id), true)
})

test('peers that came and went leave nothing behind in the peer store, nor do ids that cannot be dialled', async () => {
  await using rig = await startRig()
  const [own] = rig.own.endpoints
  assert.ok(own)
  rig.admission.start()
  for (let visitor = 0; visitor < 5; visitor++) {
    await using peer = await ScriptedKadPeer.start({ host: '127.0.0.7', serves: visitor % 2 === 0 })
    await peer.connect(own)
    await until(() => rig.connections.isConnected(peer.id))
    if (visitor % 2 === 0) await until(() => rig.members.get(peer.id) !== undefined)
  }
  for (let liar = 0; liar < 5; liar++) {
    const id = peerIdFromPrivateKey(await generateKeyPair('Ed25519')).toMultihash().bytes
    const addresses = [multiaddrOf({ host: '127.0.0.9', port: 9 }).bytes]
    assert.equal(await rig.admission.admit({ id, addresses }), undefined)
  }
  await until(() => rig.connections.size === 0)
  await until(async () => (await rig.node.peerStore.all()).length === 0)
})
