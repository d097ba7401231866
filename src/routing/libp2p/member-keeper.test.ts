import assert from 'node:assert/strict'
import { test } from 'node:test'
import { patience } from '../../../test/contracts/store-contract.ts'
import { seededRandom } from '../../../test/fakes/seeded-random.ts'
import { type MeshRig, startRig } from '../../../test/routing/mesh-rig.ts'
import { emptyNode, ScriptedKadPeer } from '../../../test/routing/scripted-kad-peer.ts'
import { until } from '../../../test/until.ts'
import { kadMessage } from './kad-message.ts'
import { MemberKeeper, type MemberKeeperOptions } from './member-keeper.ts'

function keep(rig: MeshRig, options?: MemberKeeperOptions): MemberKeeper {
  const keeper = new MemberKeeper({ ...rig, random: seededRandom() }, options)
  keeper.start()
  return keeper
}

test('members are pinged every thirty seconds', async () => {
  await using rig = await startRig()
  keep(rig)
  const peer = await rig.peer('127.0.0.2')
  await rig.join(peer)
  const pings = (): number => peer.received.filter(({ type }) => type === 'PING').length
  await until(() => rig.clock.sleeps.includes(30_000))
  rig.clock.advance(30_000)
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
  await until(() => {
    rig.clock.advance(1500)
    return rig.members.size > 0
  })
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

test('a member whose connection ends but that is still there stays a member, and is connected again', async () => {
  await using rig = await startRig()
  keep(rig)
  const member = await rig.join(await rig.peer('127.0.0.2'))
  const [connection] = rig.node.getConnections()
  const reconnected = new Promise(resolve => rig.node.addEventListener('connection:open', resolve, { once: true }))
  connection?.abort(new Error('the network hiccups'))
  assert.equal(rig.members.trusted(member.peer.id), undefined)
  await reconnected
  await until(() => rig.members.trusted(member.peer.id) === member)
})

test('a member that does not answer is passed over at once, and removed when it goes on so', async () => {
  await using rig = await startRig()
  const keeper = keep(rig)
  const peer = await rig.peer('127.0.0.2')
  const member = await rig.join(peer)
  peer.script = () => undefined
  keeper.check(member)
  assert.equal(rig.members.trusted(peer.id), undefined)
  assert.equal(rig.members.get(peer.id), member)
  await until(() => rig.members.get(peer.id) === undefined)
  assert.equal(rig.connections.isConnected(peer.id), false)
})

test('in a large mesh members need no connection, and who accepts none any more is removed when its turn comes', async () => {
  await using rig = await startRig()
  keep(rig, { maxConnectedMembers: 1 })
  const [first, second] = [await rig.peer('127.0.0.2'), await ScriptedKadPeer.start({ host: '127.0.0.3' })]
  for (const peer of [first, second]) await rig.join(peer)
  for (const { id } of [first, second]) {
    for (const connection of rig.node.getConnections()) connection.abort(new Error('too many'))
    await until(() => !rig.connections.isConnected(id))
  }
  assert.equal(rig.members.size, 2)
  await second[Symbol.asyncDispose]()
  await until(() => rig.clock.sleeps.includes(30_000))
  rig.clock.advance(30_000)
  await until(() => rig.members.size === 1)
  assert.notEqual(rig.members.trusted(first.id), undefined)
  assert.equal(rig.connections.size, 0)
})

test('a member is removed when another one answers where it was, in a large mesh too', async () => {
  await using rig = await startRig()
  keep(rig, { maxConnectedMembers: 0 })
  const peer = await ScriptedKadPeer.start({ host: '127.0.0.2' })
  await rig.join(peer)
  const { port } = peer.endpoint
  await peer[Symbol.asyncDispose]()
  await until(() => !rig.connections.isConnected(peer.id))
  assert.notEqual(rig.members.get(peer.id), undefined)
  await using successor = await ScriptedKadPeer.start({ host: '127.0.0.2', port })
  assert.equal((await rig.admission.admit(successor.kadPeer))?.peer.id, successor.id)
  await until(() => rig.members.get(peer.id) === undefined)
  assert.notEqual(rig.members.trusted(successor.id), undefined)
})

test('a member that ends its connection again at once is not connected to over and over', async () => {
  await using rig = await startRig()
  keep(rig)
  const peer = await rig.peer('127.0.0.2')
  const member = await rig.join(peer)
  await member.stream.request(kadMessage('PING'), { signal: patience() })
  const events: string[] = []
  for (const event of ['connection:open', 'connection:close'] as const) {
    rig.node.addEventListener(event, () => void events.push(event))
  }
  const refuse = async (): Promise<void> => {
    await until(() => peer.node.getConnections().length === 1)
    for (const connection of peer.node.getConnections()) connection.abort(new Error('go away'))
  }
  await refuse()
  await until(() => events.length === 2 && rig.members.trusted(peer.id) === member)
  await refuse()
  await until(() => events.length === 3)
  assert.equal(rig.members.trusted(peer.id), member)
  assert.deepEqual(events, ['connection:close', 'connection:open', 'connection:close'])
})
