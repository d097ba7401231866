import assert from 'node:assert/strict'
import { test } from 'node:test'
import { patience } from '../../../test/contracts/store-contract.ts'
import { startRig } from '../../../test/routing/mesh-rig.ts'
import { emptyNode, type ScriptedKadPeer } from '../../../test/routing/scripted-kad-peer.ts'
import { KadStreamError } from './errors.ts'
import { KadTarget } from './kad-target.ts'
import { recordKey } from './record-key.ts'

const KEYS = Array.from({ length: 100 }, (_, index) => recordKey(`key ${index}`).bytes)

async function setup() {
  const rig = await startRig()
  const peer = await rig.peer('127.0.0.2')
  const { position, stream } = await rig.join(peer)
  const target = new KadTarget({ position, stream, own: () => rig.own.kadPeer })
  return { rig, peer, target, [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose]() }
}

/** Has `peer` reset a stream that brings one of `bad`, as Go does, and drop what comes behind it; notes what it takes. */
function refuse(peer: ScriptedKadPeer, bad: readonly Buffer[]): Set<string> {
  const taken = new Set<string>()
  peer.script = (message, stream) => {
    if (stream.status !== 'open') return undefined
    const key = KEYS.find(each => each.equals(message.key))
    if (message.type !== 'ADD_PROVIDER' || key === undefined) return emptyNode(message, stream)
    if (bad.includes(key)) stream.abort(new Error('bad record'))
    else taken.add(key.toString('hex'))
    return undefined
  }
  return taken
}

test('every key is announced, as held by this node, and confirmed', async () => {
  await using scene = await setup()
  const { rig, peer, target } = scene
  await target.announce(KEYS, { signal: patience() })
  const adds = peer.received.filter(({ type }) => type === 'ADD_PROVIDER')
  assert.deepEqual(
    adds.map(({ key }) => Buffer.from(key)),
    KEYS,
  )
  assert.deepEqual(adds[0]?.providers, [rig.own.kadPeer])
  assert.equal(peer.received.at(-1)?.type, 'PING')
})

test('a record that the peer refuses costs no other record', async () => {
  await using scene = await setup()
  const { peer, target } = scene
  const bad = KEYS.slice(40, 41)
  const taken = refuse(peer, bad)
  await target.announce(KEYS, { signal: patience() })
  const good = KEYS.filter(key => !bad.includes(key))
  assert.deepEqual(taken, new Set(good.map(key => key.toString('hex'))))
})

test('a peer that refuses record after record is an error', async () => {
  await using scene = await setup()
  const { peer, target } = scene
  refuse(peer, KEYS)
  await assert.rejects(target.announce(KEYS, { signal: patience() }), KadStreamError)
})
