import assert from 'node:assert/strict'
import { test } from 'node:test'
import { patience } from '../../../test/contracts/store-contract.ts'
import { seededRandom } from '../../../test/fakes/seeded-random.ts'
import { type MeshRig, startRig } from '../../../test/routing/mesh-rig.ts'
import { emptyNode, type ScriptedKadPeer } from '../../../test/routing/scripted-kad-peer.ts'
import { until } from '../../../test/until.ts'
import { Provide } from './provide.ts'
import { recordKey } from './record-key.ts'

const MINUTE_MS = 60_000
const KEYS = Array.from({ length: 450 }, (_, index) => `key ${index}`)

function provideOn(rig: MeshRig): Provide {
  const provide = new Provide({ ...rig, random: seededRandom() })
  provide.start()
  return provide
}

/** Keys announced to `peer`, in order. */
function announced(peer: ScriptedKadPeer): readonly string[] {
  const names = new Map(KEYS.map(key => [recordKey(key).bytes.toString('latin1'), key]))
  return peer.received
    .filter(({ type }) => type === 'ADD_PROVIDER')
    .map(({ key }) => names.get(Buffer.from(key).toString('latin1')) ?? 'unknown')
}

test('advertise resolves when every member has been told of every key, by this node, once', async () => {
  await using rig = await startRig()
  const provide = provideOn(rig)
  const peers = [await rig.peer('127.0.0.2'), await rig.peer('127.0.0.3')]
  for (const peer of peers) await rig.join(peer)
  await provide.advertise(KEYS, { signal: patience() })
  await provide.advertise(KEYS, { signal: patience() })
  for (const peer of peers) {
    assert.deepEqual(announced(peer), KEYS)
    const add = peer.received.find(({ type }) => type === 'ADD_PROVIDER')
    assert.deepEqual(add?.providers, [rig.own.kadPeer])
  }
})

test('a member that joins later is told of what is still advertised', async () => {
  await using rig = await startRig()
  const provide = provideOn(rig)
  await provide.advertise(KEYS, { signal: patience() })
  provide.withdraw(KEYS.slice(10))
  assert.deepEqual(
    [provide.provides(recordKey('key 9').bytes), provide.provides(recordKey('key 10').bytes)],
    [true, false],
  )
  const peer = await rig.peer('127.0.0.2')
  await rig.join(peer)
  await until(() => announced(peer).length === 10)
  assert.deepEqual(announced(peer), KEYS.slice(0, 10))
})

test('a member that does not take the records is told again until it does, and advertise does not wait for it', async () => {
  await using rig = await startRig()
  const provide = provideOn(rig)
  const peer = await rig.peer('127.0.0.2', (_message, stream) => {
    stream.abort(new Error('not now'))
    return undefined
  })
  await rig.join(peer)
  await provide.advertise(KEYS.slice(0, 3), { signal: patience() })
  peer.script = emptyNode
  peer.received.length = 0
  rig.clock.advance(500)
  await until(() => announced(peer).length === 3)
})

test('every key is announced again within a quarter of an hour, evenly spread, and once in each from then on', async () => {
  await using rig = await startRig()
  const provide = provideOn(rig)
  const peer = await rig.peer('127.0.0.2')
  await rig.join(peer)
  await provide.advertise(KEYS, { signal: patience() })
  for (const quarter of ['first', 'second']) {
    peer.received.length = 0
    const perMinute: number[] = []
    for (let minute = 0; minute < 15; minute++) {
      const before = announced(peer).length
      rig.clock.advance(MINUTE_MS)
      await until(() => rig.clock.sleeps.length === 1)
      await provide.advertise([], { signal: patience() })
      perMinute.push(announced(peer).length - before)
    }
    assert.deepEqual(announced(peer).toSorted(), KEYS.toSorted(), `${quarter} quarter`)
    assert.ok(Math.max(...perMinute) < 3 * (KEYS.length / 15), `${quarter} quarter: ${perMinute.join(' ')}`)
  }
})
