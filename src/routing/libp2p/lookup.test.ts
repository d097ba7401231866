import assert from 'node:assert/strict'
import { test } from 'node:test'
import { patience } from '../../../test/contracts/store-contract.ts'
import { seededRandom } from '../../../test/fakes/seeded-random.ts'
import { type MeshRig, startRig } from '../../../test/routing/mesh-rig.ts'
import { emptyNode, type Script, type ScriptedKadPeer } from '../../../test/routing/scripted-kad-peer.ts'
import { until } from '../../../test/until.ts'
import type { Peer } from '../router.ts'
import { frameKadMessage, type KadPeer, kadMessage } from './kad-message.ts'
import { Lookup } from './lookup.ts'
import { MemberKeeper } from './member-keeper.ts'
import { MemberSearch } from './member-search.ts'
import { ProviderRecords } from './provider-records.ts'
import { recordKey } from './record-key.ts'

const KEY = 'docker.io/library/busybox:1.37'

function lookupOn(rig: MeshRig) {
  const records = new ProviderRecords({ ...rig, random: seededRandom(), gauge: { set() {} } })
  const keeper = new MemberKeeper({ ...rig, random: seededRandom() })
  const search = new MemberSearch({ ...rig, keeper, random: seededRandom() })
  const lookup = new Lookup({ ...rig, records, keeper, search })
  const find = (signal: AbortSignal = patience()): Promise<Peer[]> => Array.fromAsync(lookup.find(KEY, { signal }))
  return { records, lookup, find }
}

/** A node whose records name `providers` for every key. */
function holding(providers: readonly KadPeer[]): Script {
  return (message, stream) =>
    message.type === 'GET_PROVIDERS'
      ? kadMessage(message.type, { key: message.key, providers })
      : emptyNode(message, stream)
}

function asked(peer: ScriptedKadPeer): number {
  return peer.received.filter(({ type }) => type === 'GET_PROVIDERS').length
}

test('a holder that this node knows of by itself is yielded before anyone is asked', async () => {
  await using rig = await startRig()
  const { records, lookup } = lookupOn(rig)
  const peer = await rig.peer('127.0.0.2')
  const member = await rig.join(peer)
  records.add(recordKey(KEY).bytes, peer.kadPeer)
  for await (const found of lookup.find(KEY, { signal: patience() })) {
    assert.equal(found, member.peer)
    break
  }
  assert.equal(asked(peer), 0)
})

test('peers are yielded as answers arrive, those of a slow member last', async () => {
  await using rig = await startRig()
  const { lookup } = lookupOn(rig)
  const [quick, slow] = [await rig.peer('127.0.0.2'), await rig.peer('127.0.0.3', () => undefined)]
  quick.script = holding([quick.kadPeer])
  for (const peer of [quick, slow]) await rig.join(peer)
  const found = lookup.find(KEY, { signal: patience() })
  assert.equal((await found.next()).value?.id, quick.id)
  await found.return(undefined)
})

test('a holder that is no member is yielded once it has proven its address; one that can not be reached never', async () => {
  await using rig = await startRig()
  const { find } = lookupOn(rig)
  const [holder, dead] = [await rig.peer('127.0.0.3'), await rig.peer('127.0.0.4')]
  const claims = [dead.kadPeer, rig.own.kadPeer, holder.kadPeer, { id: Uint8Array.of(1), addresses: [] }]
  await dead[Symbol.asyncDispose]()
  await rig.join(await rig.peer('127.0.0.2', holding(claims)))
  assert.deepEqual(
    (await find()).map(({ id, registry }) => [id, registry.host]),
    [[holder.id, '127.0.0.3']],
  )
})

test('a liar can not send this node to an address where the named peer does not answer', async () => {
  await using rig = await startRig()
  const { find } = lookupOn(rig)
  const [victim, liar] = [await rig.peer('127.0.0.3'), await rig.peer('127.0.0.2')]
  liar.script = holding([
    { id: victim.kadPeer.id, addresses: liar.kadPeer.addresses },
    { id: liar.kadPeer.id, addresses: victim.kadPeer.addresses },
  ])
  await rig.join(liar)
  assert.deepEqual(
    (await find()).map(({ id, registry }) => [id, registry.host]),
    [[liar.id, '127.0.0.2']],
  )
})

test('concurrent lookups of one key share their questions', async () => {
  await using rig = await startRig()
  const { find } = lookupOn(rig)
  const peer = await rig.peer('127.0.0.2')
  peer.script = holding([peer.kadPeer])
  await rig.join(peer)
  for (const found of await Promise.all([find(), find(), find()])) assert.equal(found[0]?.id, peer.id)
  assert.equal(asked(peer), 1)
})

test('a fresh lookup counts on none that began a quarter of a second ago, and is shared like any other', async () => {
  await using rig = await startRig()
  const { lookup, find } = lookupOn(rig)
  const peer = await rig.peer('127.0.0.2')
  await rig.join(peer)
  const findAfresh = (): Promise<Peer[]> => Array.fromAsync(lookup.find(KEY, { signal: patience(), fresh: true }))
  peer.script = holding([peer.kadPeer])
  assert.equal((await find()).length, 1)
  peer.script = emptyNode
  assert.equal((await findAfresh()).length, 1)
  assert.equal(asked(peer), 1)
  rig.clock.advance(250)
  for (const found of await Promise.all([findAfresh(), findAfresh()])) assert.deepEqual(found, [])
  assert.deepEqual(await find(), [])
  assert.equal(asked(peer), 2)
})

test('what was found is known for five seconds, that nothing was found for one', async () => {
  await using rig = await startRig()
  const { find } = lookupOn(rig)
  const peer = await rig.peer('127.0.0.2')
  await rig.join(peer)
  for (const { script, ms, found } of [
    { script: holding([peer.kadPeer]), ms: 5000, found: 1 },
    { script: emptyNode, ms: 1000, found: 0 },
  ]) {
    peer.script = script
    const before = asked(peer)
    for (const [advanceMs, questions] of [
      [0, 1],
      [ms - 1, 1],
      [1, 2],
    ] as const) {
      rig.clock.advance(advanceMs)
      assert.equal((await find()).length, found)
      assert.equal(asked(peer), before + questions)
    }
    rig.clock.advance(ms)
  }
})

test('a cached holder that is no longer a member is not yielded', async () => {
  await using rig = await startRig()
  const { find } = lookupOn(rig)
  const peer = await rig.peer('127.0.0.2')
  peer.script = holding([peer.kadPeer])
  const member = await rig.join(peer)
  assert.equal((await find()).length, 1)
  rig.members.remove(member)
  assert.deepEqual(await find(), [])
})

test('a cached holder that has withdrawn is not yielded, and members are asked anew', async () => {
  await using rig = await startRig()
  const { find, lookup } = lookupOn(rig)
  const peer = await rig.peer('127.0.0.2')
  peer.script = holding([peer.kadPeer])
  const { kadPeer } = await rig.join(peer)
  assert.equal((await find()).length, 1)
  lookup.forget(kadPeer.id, [recordKey('another key').bytes])
  assert.equal((await find()).length, 1)
  assert.equal(asked(peer), 1)
  peer.script = emptyNode
  lookup.forget(kadPeer.id, [recordKey(KEY).bytes])
  assert.deepEqual(await find(), [])
  assert.equal(asked(peer), 2)
})

test('a holder that withdraws while a lookup is under way is not yielded for an answer of before', async () => {
  await using rig = await startRig()
  const { find, lookup } = lookupOn(rig)
  const peer = await rig.peer('127.0.0.2')
  const { kadPeer } = await rig.join(peer)
  peer.script = (message, stream) => {
    if (message.type === 'GET_PROVIDERS') lookup.forget(kadPeer.id, [recordKey(KEY).bytes])
    return holding([peer.kadPeer])(message, stream)
  }
  assert.deepEqual(await find(), [])
})

test('that a member did not answer is not taken for a miss, and the member is looked after', async () => {
  await using rig = await startRig()
  const { find } = lookupOn(rig)
  const peer = await rig.peer('127.0.0.2', (_message, stream) => {
    stream.abort(new Error('no'))
    return undefined
  })
  const member = await rig.join(peer)
  assert.deepEqual(await find(), [])
  await until(() => rig.members.get(member.peer.id) === undefined)
  peer.script = holding([peer.kadPeer])
  await rig.join(peer)
  assert.equal((await find()).length, 1)
})

test('a lookup that is given up goes on for the next one', async () => {
  await using rig = await startRig()
  const { find } = lookupOn(rig)
  const held: (() => void)[] = []
  const peer = await rig.peer('127.0.0.2')
  await rig.join(peer)
  peer.script = (message, stream) => {
    held.push(() => {
      peer.script = holding([peer.kadPeer])
      const answer = peer.script(message, stream)
      assert.ok(answer)
      stream.send(frameKadMessage(answer))
    })
    return undefined
  }
  const giveUp = new AbortController()
  const first = find(giveUp.signal)
  await until(() => held.length === 1)
  giveUp.abort()
  assert.deepEqual(await first, [])
  const second = find()
  for (const answer of held) answer()
  assert.equal((await second).length, 1)
  assert.equal(asked(peer), 1)
})

test('three members are asked, and more while others have just joined', async () => {
  await using rig = await startRig()
  const { find } = lookupOn(rig)
  const peers = await Promise.all([2, 3, 4, 5].map(host => rig.peer(`127.0.0.${host}`)))
  for (const peer of peers) await rig.join(peer)
  const total = (): number => peers.reduce((sum, peer) => sum + asked(peer), 0)
  await find()
  assert.equal(total(), 4)
  rig.clock.advance(11_000)
  await find()
  assert.equal(total(), 7)
})

test('whom an answer names as nearer to the key becomes a member for the next lookup', async () => {
  await using rig = await startRig()
  const { find } = lookupOn(rig)
  const nearer = await rig.peer('127.0.0.3')
  const naming: Script = message => kadMessage(message.type, { key: message.key, closer: [nearer.kadPeer] })
  await rig.join(await rig.peer('127.0.0.2', naming))
  assert.deepEqual(await find(), [])
  await until(() => {
    rig.clock.advance(100)
    return rig.members.get(nearer.id) !== undefined
  })
})
