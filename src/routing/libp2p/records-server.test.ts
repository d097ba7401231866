import assert from 'node:assert/strict'
import { test } from 'node:test'
import { patience } from '../../../test/contracts/store-contract.ts'
import { ManualTime } from '../../../test/fakes/manual-time.ts'
import { seededRandom } from '../../../test/fakes/seeded-random.ts'
import { startRig } from '../../../test/routing/mesh-rig.ts'
import { until } from '../../../test/until.ts'
import type { CallOptions } from '../router.ts'
import { InvalidKadMessageError, KadStreamError } from './errors.ts'
import { RECORDS_PROTOCOL } from './node.ts'
import { PeerLimits } from './peer-limits.ts'
import { ProviderRecords } from './provider-records.ts'
import { recordKey } from './record-key.ts'
import type { Hello } from './records-message.ts'
import { RecordsServer } from './records-server.ts'
import { RecordsStream } from './records-stream.ts'
import { serveStream } from './stream-service.ts'

const HELLO: Hello = { type: 'hello', registryPort: 5000, process: 1 }
const PEER = Uint8Array.of(1, 2, 3)
const KEYS = Array.from({ length: 500 }, (_, index) => recordKey(`key ${index}`).bytes)
const ADDRESS = Uint8Array.of(4, 127, 0, 0, 2, 6, 19, 137)

function setup({ clock = new ManualTime(), hello = HELLO } = {}) {
  const met: number[] = []
  const records = new ProviderRecords({ clock, random: seededRandom(), gauge: { set() {} } })
  const limits = new PeerLimits(clock)
  const told: { readonly what: 'removed' | 'gone'; readonly provider: Uint8Array; readonly keys: number }[] = []
  const server = new RecordsServer({
    records,
    limits,
    hello,
    met: (_peer, { process }) => void met.push(process),
    removed: (provider, keys) => void told.push({ what: 'removed', provider, keys: keys.length }),
    gone: (provider, keys) => void told.push({ what: 'gone', provider, keys: keys.length }),
  })
  return { limits, met, records, server, told }
}

/** A peer of a real node that serves records, with a stream to it. */
async function connect(hello = HELLO) {
  const rig = await startRig()
  const { limits, ...rest } = setup({ clock: rig.clock, hello })
  await rig.node.handle(RECORDS_PROTOCOL, (stream, connection) =>
    serveStream({ log: rig.log, limits }, rest.server, { stream, connection }),
  )
  const [endpoint] = rig.own.endpoints
  assert.ok(endpoint)
  const peer = await rig.peer('127.0.0.2')
  const connection = await peer.connect(endpoint)
  const open = (options: CallOptions) => connection.newStream(RECORDS_PROTOCOL, options)
  const stream = new RecordsStream(open, { peer: rig.own.id, hello: { ...HELLO, process: 2 } })
  return { ...rest, connection, peer, stream, [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose]() }
}

test('what a peer announces it holds, until it takes it back', () => {
  const { records, server, told } = setup()
  const add = { type: 'add', keys: KEYS, addresses: [ADDRESS] } as const
  assert.deepEqual(server.answerTo(add, PEER), { type: 'added', enough: [] })
  assert.deepEqual(records.sample(KEYS[7] ?? PEER, 20), [{ id: PEER, addresses: [ADDRESS] }])
  assert.deepEqual(server.answerTo({ type: 'remove', keys: KEYS.slice(1) }, PEER), { type: 'removed' })
  assert.equal(records.size, 1)
  assert.deepEqual(told, [{ what: 'removed', provider: PEER, keys: 499 }])
})

test('a peer can not take back what another has announced', () => {
  const { records, server } = setup()
  server.answerTo({ type: 'add', keys: KEYS, addresses: [] }, PEER)
  server.answerTo({ type: 'remove', keys: KEYS }, Uint8Array.of(9))
  assert.equal(records.size, 500)
})

test('the 65th holder of a key is told that there are enough', () => {
  const { server } = setup()
  const keys = KEYS.slice(0, 3)
  for (let index = 0; index < 64; index++) {
    server.answerTo({ type: 'add', keys: keys.slice(1), addresses: [] }, Uint8Array.of(index))
  }
  assert.deepEqual(server.answerTo({ type: 'add', keys, addresses: [] }, PEER), { type: 'added', enough: [1, 2] })
})

test('that a provider is gone is passed on, and changes no record', () => {
  const { records, server, told } = setup()
  server.answerTo({ type: 'add', keys: KEYS, addresses: [] }, PEER)
  const gone = { type: 'gone', provider: PEER, keys: KEYS } as const
  assert.deepEqual(server.answerTo(gone, Uint8Array.of(9)), { type: 'removed' })
  assert.equal(records.size, 500)
  assert.deepEqual(told, [{ what: 'gone', provider: PEER, keys: 500 }])
})

test('an answer is no request', () => {
  const { server } = setup()
  assert.throws(() => server.answerTo({ type: 'removed' }, PEER), InvalidKadMessageError)
  assert.throws(() => server.answerTo({ type: 'added', enough: [] }, PEER), InvalidKadMessageError)
})

test('over a stream hellos are exchanged, and then records announced and removed', async () => {
  await using scene = await connect()
  const { met, peer, records, stream } = scene
  assert.deepEqual(await stream.hello({ signal: patience() }), HELLO)
  assert.deepEqual(met, [2])
  assert.deepEqual(await stream.add(KEYS, [ADDRESS], { signal: patience() }), [])
  assert.deepEqual(records.sample(KEYS[7] ?? PEER, 20), [{ id: peer.kadPeer.id, addresses: [Buffer.from(ADDRESS)] }])
  await stream.remove(KEYS, { signal: patience() })
  assert.equal(records.size, 0)
})

test('a peer that is another process than before shows at its next hello', async () => {
  const hello = { ...HELLO }
  await using scene = await connect(hello)
  const { connection, stream } = scene
  const restarts: number[] = []
  stream.onRestart(() => restarts.push(hello.process))
  for (const process of [1, 1, 2, 2]) {
    hello.process = process
    await stream.remove([], { signal: patience() })
    for (const each of connection.streams) each.abort(new Error('idle'))
    await until(() => connection.streams.length === 0)
  }
  assert.deepEqual(restarts, [2])
})

test('a peer that floods records is disconnected, and no more is kept of it than of any', async () => {
  await using scene = await connect()
  const { connection, records, stream } = scene
  const flood = async (): Promise<void> => {
    for (let sent = 0; sent < 300; sent++) {
      const keys = Array.from({ length: 500 }, (_, index) => Buffer.from(`key ${sent} ${index}`))
      await stream.add(keys, [], { signal: patience() })
    }
  }
  await assert.rejects(flood(), KadStreamError)
  await until(() => connection.status !== 'open')
  assert.equal(records.size, 50_000)
})
