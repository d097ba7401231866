import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { noise } from '@libp2p/noise'
import { generateKey, preSharedKey } from '@libp2p/pnet'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import { ScriptedKadPeer } from '../../../test/routing/scripted-kad-peer.ts'
import { until } from '../../../test/until.ts'
import type { Endpoint } from '../router.ts'
import { multiaddrOf } from './router-address.ts'
import { XSalsa20Stream } from './xsalsa20-stream.ts'

const KEY = Buffer.alloc(32, 1)
const OTHER_KEY = Buffer.alloc(32, 2)
const NONCE_BYTES = 24
/** Of a nonce that a test sends. */
const NONCE = Buffer.alloc(NONCE_BYTES, 3)
const MAX_UNPROVEN = 16
const ECHO = '/echo'
const CHUNK_BYTES = 777

function member(host: string, networkKey?: Uint8Array): Promise<ScriptedKadPeer> {
  return ScriptedKadPeer.start({ host, ...(networkKey === undefined ? {} : { networkKey }) })
}

/** A libp2p node with the library's own private network. */
async function stockMember(key: Buffer) {
  const psk = Buffer.from(`/key/swarm/psk/1.0.0/\n/base16/\n${key.toString('hex')}`)
  const node = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.8/tcp/0'] },
    transports: [tcp()],
    connectionProtector: preSharedKey({ psk }),
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
  })
  return Object.assign(node, { [Symbol.asyncDispose]: async () => node.stop() })
}

/** Has `to` send back what comes over a connection of its own, and checks that it is `bytes`. */
async function echoed(from: ScriptedKadPeer, to: ScriptedKadPeer, bytes: Buffer): Promise<void> {
  const stream = await (await from.connect(to.endpoint)).newStream(ECHO)
  let received = Buffer.alloc(0)
  stream.addEventListener('message', ({ data }) => {
    received = Buffer.concat([received, data.subarray()])
  })
  for (let sent = 0; sent < bytes.length; sent += CHUNK_BYTES) {
    if (!stream.send(bytes.subarray(sent, sent + CHUNK_BYTES))) await stream.onDrain()
  }
  await until(() => received.length >= bytes.length)
  assert.ok(received.equals(bytes))
}

/** A connection without libp2p, and all that came over it. */
function raw({ host, port }: Endpoint): { socket: Socket; closed: Promise<unknown>; received: () => Buffer } {
  const chunks: Buffer[] = []
  const socket = connect({ host, port })
  socket.on('data', chunk => chunks.push(chunk)).on('error', () => {})
  const closed = once(socket, 'close').catch(() => {})
  return { socket, closed, received: () => Buffer.concat(chunks) }
}

test('nodes with one key connect and speak, in both directions, however much', async () => {
  await using a = await member('127.0.0.1', KEY)
  await using b = await member('127.0.0.2', KEY)
  for (const peer of [a, b]) {
    await peer.node.handle(ECHO, stream => {
      stream.addEventListener('message', ({ data }) => void stream.send(data))
    })
  }
  await echoed(a, b, randomBytes(10))
  await echoed(b, a, randomBytes(1_000_003))
  await echoed(a, b, randomBytes(1_000_003))
})

test("a node speaks with one that has the library's private network, whoever dials", async () => {
  await using ours = await member('127.0.0.1', KEY)
  await using stock = await stockMember(KEY)
  assert.equal((await stock.dial(multiaddrOf(ours.endpoint))).encryption, '/noise')
  const [address] = stock.getMultiaddrs()
  assert.ok(address)
  assert.equal((await ours.node.dial(address, { force: true })).encryption, '/noise')
  await until(() => stock.getConnections().length === 2)
})

test('the key is 32 bytes in hexadecimal, as that library makes it', () => {
  const psk = new Uint8Array(95)
  generateKey(psk)
  assert.match(Buffer.from(psk).toString(), /^\/key\/swarm\/psk\/1\.0\.0\/\n\/base16\/\n[0-9a-f]{64}$/)
})

for (const { name, key } of [
  { name: 'no key', key: undefined },
  { name: 'another key', key: OTHER_KEY },
]) {
  test(`a node with ${name} can neither dial nor be dialled`, async () => {
    await using inside = await member('127.0.0.1', KEY)
    await using outside = await member('127.0.0.2', key)
    const signal = AbortSignal.timeout(10_000)
    await assert.rejects(outside.node.dial(multiaddrOf(inside.endpoint), { signal }))
    await assert.rejects(inside.node.dial(multiaddrOf(outside.endpoint), { signal }))
    assert.equal(signal.aborted, false)
    assert.deepEqual([inside.node.getConnections(), outside.node.getConnections()], [[], []])
    assert.deepEqual(inside.received, [])
  })
}

test('an outsider gets a nonce and nothing else, whatever it sends', async () => {
  await using inside = await member('127.0.0.1', KEY)
  const greeting = Buffer.from('\x13/multistream/1.0.0\n')
  const sealed = new XSalsa20Stream({ key: OTHER_KEY, nonce: NONCE }).apply(greeting)
  const openDial = Buffer.concat([greeting, Buffer.from('\x07/noise\n'), Buffer.alloc(100)])
  for (const bytes of [
    openDial,
    Buffer.alloc(100_000, 7),
    Buffer.concat([NONCE, greeting]),
    Buffer.concat([NONCE, sealed]),
  ]) {
    const { socket, closed, received } = raw(inside.endpoint)
    socket.write(bytes)
    await closed
    assert.ok(received().length <= NONCE_BYTES)
  }
})

test('who sends back what it gets is refused', async () => {
  await using inside = await member('127.0.0.1', KEY)
  const { socket, closed, received } = raw(inside.endpoint)
  socket.pipe(socket)
  await closed
  assert.ok(received().length <= NONCE_BYTES)

  const reflected: Buffer[] = []
  await using server = createServer(accepted => {
    accepted.on('data', chunk => reflected.push(chunk)).on('error', () => {})
    accepted.pipe(accepted)
  })
  await once(server.listen(0, '127.0.0.9'), 'listening')
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  const dial = inside.node.dial(multiaddrOf({ host: '127.0.0.9', port: address.port }))
  await assert.rejects(dial, /reflects/)
  assert.equal(Buffer.concat(reflected).length, NONCE_BYTES)
})

test('who says nothing, or a nonce and nothing more, is dropped after three seconds', async () => {
  await using inside = await member('127.0.0.1', KEY)
  const silent = raw(inside.endpoint)
  const slow = raw(inside.endpoint)
  slow.socket.write(NONCE)
  await Promise.all([silent.closed, slow.closed])
})

test('an address has few unproven connections at once, and they do not keep others out', async () => {
  await using inside = await member('127.0.0.1', KEY)
  const outsiders = Array.from({ length: MAX_UNPROVEN }, () => raw(inside.endpoint))
  // The nonce says that a connection is being looked at.
  await until(() => outsiders.every(({ received }) => received().length === NONCE_BYTES))
  const more = raw(inside.endpoint)
  await more.closed
  assert.equal(more.received().length, 0)
  await using friend = await member('127.0.0.2', KEY)
  await friend.node.dial(multiaddrOf(inside.endpoint))
  for (const { socket } of outsiders) socket.destroy()
  const again = raw(inside.endpoint)
  await until(() => again.received().length === NONCE_BYTES || again.socket.destroyed)
  again.socket.destroy()
})
