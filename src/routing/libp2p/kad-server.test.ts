import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { Stream } from '@libp2p/interface'
import { patience } from '../../../test/contracts/store-contract.ts'
import { seededRandom } from '../../../test/fakes/seeded-random.ts'
import { type MeshRig, startRig } from '../../../test/routing/mesh-rig.ts'
import { until } from '../../../test/until.ts'
import { InvalidKadMessageError } from './errors.ts'
import { FrameReader } from './frame-reader.ts'
import { encodeKadMessage, frameKadMessage, type KadPeer, kadMessage } from './kad-message.ts'
import { KadServer } from './kad-server.ts'
import { KadStream } from './kad-stream.ts'
import { KAD_PROTOCOL } from './node.ts'
import { PeerLimits } from './peer-limits.ts'
import { ProviderRecords } from './provider-records.ts'
import { RecentAskers } from './recent-askers.ts'
import { recordKey } from './record-key.ts'
import { serveStream } from './stream-service.ts'

const { bytes: KEY } = recordKey('key')
const OWN_KEY = recordKey('own').bytes
const STRANGER: KadPeer = { id: Uint8Array.of(1, 2, 3), addresses: [Uint8Array.of(4)] }
const OTHER: KadPeer = { id: Uint8Array.of(5, 6, 7), addresses: [] }

async function serve(rig: MeshRig) {
  const records = new ProviderRecords({ ...rig, random: seededRandom(), gauge: { set() {} } })
  const askers = new RecentAskers(rig.clock)
  const server = new KadServer({ ...rig, records, askers, provides: key => OWN_KEY.equals(key) })
  const service = { log: rig.log, limits: new PeerLimits(rig.clock) }
  await rig.node.handle(KAD_PROTOCOL, (stream, connection) => serveStream(service, server, { stream, connection }))
  const [endpoint] = rig.own.endpoints
  assert.ok(endpoint)
  return { endpoint, records, server }
}

test('a ping is answered', async () => {
  await using rig = await startRig()
  const { server } = await serve(rig)
  assert.deepEqual(server.answerTo(kadMessage('PING'), STRANGER.id), kadMessage('PING'))
})

test('FIND_NODE names the members, not the one that asks unless it is the target', async () => {
  await using rig = await startRig()
  const { server } = await serve(rig)
  const [first, second] = [await rig.join(await rig.peer('127.0.0.2')), await rig.join(await rig.peer('127.0.0.3'))]
  const find = (key: Uint8Array, from: Uint8Array) => server.answerTo(kadMessage('FIND_NODE', { key }), from)?.closer
  assert.deepEqual(find(second.kadPeer.id, first.kadPeer.id), [second.kadPeer])
  assert.deepEqual(find(second.kadPeer.id, STRANGER.id), [second.kadPeer, first.kadPeer])
  assert.deepEqual(find(first.kadPeer.id, first.kadPeer.id), [first.kadPeer, second.kadPeer])
})

test('FIND_NODE for this node names this node first', async () => {
  await using rig = await startRig()
  const { server } = await serve(rig)
  const { kadPeer } = await rig.join(await rig.peer('127.0.0.2'))
  const answer = server.answerTo(kadMessage('FIND_NODE', { key: rig.own.idBytes }), STRANGER.id)
  assert.deepEqual(answer?.closer, [rig.own.kadPeer, kadPeer])
})

test('a peer may announce itself but nobody else', async () => {
  await using rig = await startRig()
  const { server } = await serve(rig)
  const add = kadMessage('ADD_PROVIDER', { key: KEY, providers: [OTHER, STRANGER] })
  assert.equal(server.answerTo(add, STRANGER.id), undefined)
  const answer = server.answerTo(kadMessage('GET_PROVIDERS', { key: KEY }), OTHER.id)
  assert.deepEqual(answer, kadMessage('GET_PROVIDERS', { key: KEY, providers: [STRANGER] }))
})

test('GET_PROVIDERS names this node where it holds the key, and twenty holders at most', async () => {
  await using rig = await startRig()
  const { records, server } = await serve(rig)
  for (let index = 0; index < 30; index++) records.add(OWN_KEY, { id: Uint8Array.of(index), addresses: [] })
  const providers = server.answerTo(kadMessage('GET_PROVIDERS', { key: OWN_KEY }), STRANGER.id)?.providers ?? []
  assert.deepEqual(providers[0], rig.own.kadPeer)
  assert.equal(providers.length, 20)
})

test('values, and requests without the key they need, are refused', async () => {
  await using rig = await startRig()
  const { server } = await serve(rig)
  const refused = [
    ...(['PUT_VALUE', 'GET_VALUE'] as const).map(type => kadMessage(type, { key: KEY })),
    ...(['FIND_NODE', 'GET_PROVIDERS', 'ADD_PROVIDER'] as const).map(type => kadMessage(type)),
  ]
  for (const message of refused) assert.throws(() => server.answerTo(message, STRANGER.id), InvalidKadMessageError)
})

test('requests on one stream are answered in order', async () => {
  await using rig = await startRig()
  const { endpoint } = await serve(rig)
  const peer = await rig.peer('127.0.0.2')
  const connection = await peer.connect(endpoint)
  const kad = new KadStream(options => connection.newStream(KAD_PROTOCOL, options), rig.own.id)
  await kad.deliver([kadMessage('ADD_PROVIDER', { key: KEY, providers: [peer.kadPeer] })], { signal: patience() })
  const { providers } = await kad.request(kadMessage('GET_PROVIDERS', { key: KEY }), { signal: patience() })
  assert.deepEqual(providers, [peer.kadPeer])
})

async function send(stream: Stream, bytes: Uint8Array): Promise<void> {
  try {
    if (!stream.send(bytes)) await stream.onDrain({ signal: patience() })
  } catch {
    // The other end has cut the stream off, which is what is waited for.
  }
}

const HOSTILE = [
  { name: 'a frame of more than 16 KiB', bytes: Uint8Array.of(0x81, 0x80, 0x01) },
  { name: 'a message that is none', bytes: Uint8Array.of(1, 0xff) },
  { name: 'a value', bytes: frameKadMessage(kadMessage('PUT_VALUE', { key: KEY })) },
]
for (const { name, bytes } of HOSTILE) {
  test(`${name} costs a peer its stream, and others are served`, async () => {
    await using rig = await startRig()
    const { endpoint } = await serve(rig)
    const connection = await (await rig.peer('127.0.0.2')).connect(endpoint)
    const stream = await connection.newStream(KAD_PROTOCOL)
    await send(stream, bytes)
    await until(() => stream.status === 'reset')
    const kad = new KadStream(options => connection.newStream(KAD_PROTOCOL, options), rig.own.id)
    await kad.request(kadMessage('PING'), { signal: patience() })
  })
}

test('a peer that floods messages is disconnected, and again when it comes back, while others are served', async () => {
  await using rig = await startRig()
  const { endpoint, records } = await serve(rig)
  const [flooder, other] = [await rig.peer('127.0.0.2'), await rig.peer('127.0.0.3')]
  const message = frameKadMessage(kadMessage('ADD_PROVIDER', { key: KEY, providers: [flooder.kadPeer] }))
  const batch = Buffer.concat(Array.from({ length: 1000 }, () => message))
  const flood = async (): Promise<void> => {
    const connection = await flooder.connect(endpoint)
    const stream = await connection.newStream(KAD_PROTOCOL)
    for (let sent = 0; sent < 100 && connection.status === 'open'; sent++) await send(stream, batch)
    await until(() => connection.status !== 'open')
  }
  const connection = await other.connect(endpoint)
  const kad = new KadStream(options => connection.newStream(KAD_PROTOCOL, options), rig.own.id)
  await flood()
  await kad.request(kadMessage('PING'), { signal: patience() })
  await flood()
  await kad.request(kadMessage('PING'), { signal: patience() })
  assert.equal(records.size, 1)
})

test('a peer that opens streams without end is disconnected, whether it keeps them or not, while others are served', async () => {
  await using rig = await startRig()
  const { endpoint } = await serve(rig)
  const other = await (await rig.peer('127.0.0.4')).connect(endpoint)
  const kad = new KadStream(options => other.newStream(KAD_PROTOCOL, options), rig.own.id)
  for (const [host, keeps] of [
    ['127.0.0.2', true],
    ['127.0.0.3', false],
  ] as const) {
    const connection = await (await rig.peer(host)).connect(endpoint)
    const open = async (): Promise<void> => {
      const stream = await connection.newStream(KAD_PROTOCOL, { maxOutboundStreams: 100_000 })
      if (!keeps) stream.abort(new Error('the next one'))
    }
    for (let opened = 0; opened < 100_000 && connection.status === 'open'; opened += 50) {
      await Promise.allSettled(Array.from({ length: 50 }, open))
      await kad.request(kadMessage('PING'), { signal: patience() })
    }
    assert.notEqual(connection.status, 'open')
  }
})

test('a peer that reads its answers late is not read from meanwhile, and then gets all of them', async () => {
  await using rig = await startRig()
  const { endpoint, records } = await serve(rig)
  const addresses = Array.from({ length: 16 }, () => new Uint8Array(20))
  for (let index = 0; index < 20; index++) records.add(KEY, { id: Uint8Array.of(index), addresses })
  const connection = await (await rig.peer('127.0.0.2')).connect(endpoint)
  const stream = await connection.newStream(KAD_PROTOCOL)
  stream.maxReadBufferLength = Number.POSITIVE_INFINITY
  const reader = new FrameReader({ maxFrameBytes: 16 * 1024 })
  let answers = 0
  stream.addEventListener('message', ({ data }) => {
    for (const _frame of reader.read(data.subarray())) answers++
  })
  stream.pause()
  const request = frameKadMessage(kadMessage('GET_PROVIDERS', { key: KEY }))
  // Answers of some 8 MB in all: more than the windows of a stream take.
  for (let sent = 0; sent < 10; sent++) await send(stream, Buffer.concat(Array.from({ length: 100 }, () => request)))
  const streams = () => rig.node.getConnections().flatMap(({ streams }) => streams)
  await until(() => streams().some(({ readStatus }) => readStatus === 'paused'))
  stream.resume()
  await until(() => answers === 1000)
})

test('a peer that goes on asking without reading its answers is heard no more before it fills memory', async () => {
  await using rig = await startRig()
  const { endpoint } = await serve(rig)
  const connection = await (await rig.peer('127.0.0.2')).connect(endpoint)
  const stream = await connection.newStream(KAD_PROTOCOL)
  stream.pause()
  // Padded by a field that nobody knows, so that the size of the requests tells and not their number.
  const padding = Buffer.concat([Uint8Array.of(0x7a, 0x80, 0x08), Buffer.alloc(1024)])
  const request = Buffer.concat([encodeKadMessage(kadMessage('GET_PROVIDERS', { key: OWN_KEY })), padding])
  const framed = Buffer.concat([Uint8Array.of((request.length % 128) + 128, Math.floor(request.length / 128)), request])
  const batch = Buffer.concat(Array.from({ length: 100 }, () => framed))
  const served = () => rig.node.getConnections().flatMap(({ streams }) => streams)
  const isUnheard = (): boolean =>
    stream.status !== 'open' || served().some(({ readStatus }) => readStatus === 'paused')
  for (let sent = 0; sent < 250 && !isUnheard(); sent++) {
    await send(stream, batch)
    await setImmediate()
  }
  await until(isUnheard)
  const buffered = served().map(({ readBufferLength, writeBufferLength }) => readBufferLength + writeBufferLength)
  assert.ok(Math.max(0, ...buffered) < 10 * 1024 * 1024)
})
