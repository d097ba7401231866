import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { peerBodyContract } from '../../test/contracts/peer-body-contract.ts'
import { peerClientContract } from '../../test/contracts/peer-client-contract.ts'
import { peerConnectionsContract } from '../../test/contracts/peer-connections-contract.ts'
import {
  type Answer,
  askFor,
  type CreatePeerClient,
  clientsOf,
  hello,
  options,
  readAll,
  say,
  startPeer,
} from '../../test/http/raw-peer.ts'
import { until } from '../../test/until.ts'
import { BufferPool } from './buffer-pool.ts'
import { PeerBodyError, PeerResponseError } from './errors.ts'
import { createPooledPeerClient } from './pooled-peer-client.ts'
import { TurnBudget } from './turn-budget.ts'

const create: CreatePeerClient = ({ log }, clientOptions) =>
  createPooledPeerClient({ log, buffers: new BufferPool() }, clientOptions)

peerClientContract('the pooled peer client', create)
peerBodyContract('the pooled peer client', create)
peerConnectionsContract('the pooled peer client', create)

/** Sends `text` one byte at a time. */
const trickle =
  (text: string): Answer =>
  async socket => {
    for (const byte of Buffer.from(text)) {
      socket.write(Buffer.of(byte))
      await new Promise(setImmediate)
    }
  }

const pieces: Answer = async socket => {
  socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n')
  for (let count = 0; count < 20; count += 1) {
    await new Promise(setImmediate)
    socket.write('a'.repeat(1000))
  }
}

/** Clients, and the pool they read into. */
function withPool() {
  const buffers = new BufferPool()
  return { buffers, clientOf: clientsOf((_, settings) => createPooledPeerClient({ buffers }, settings)) }
}

describe('the pooled peer client', () => {
  const clientOf = clientsOf(create)

  it('describes and fetches content over one connection', async t => {
    const peer = await startPeer(t, (socket, { count }) => {
      socket.write(count === 1 ? hello.slice(0, -'hello'.length) : hello)
    })
    const client = clientOf(t)
    const described = await client.request(askFor(peer.endpoint, 'HEAD'), options)
    assert.equal(described.headers['content-length'], '5')
    assert.equal(await described.body.read(), undefined)
    const { body } = await client.request(askFor(peer.endpoint), options)
    assert.equal((await readAll(body)).toString(), 'hello')
    assert.deepEqual(
      peer.requests.map(({ connection }) => connection),
      [1, 1],
    )
  })

  it('needs no length of what is only described, and gives up a connection on which more comes', async t => {
    const peer = await startPeer(t, say('HTTP/1.1 404 Not Found\r\n\r\n'))
    const { status, body } = await clientOf(t).request(askFor(peer.endpoint, 'HEAD'), options)
    assert.equal(status, 404)
    assert.equal(await body.read(), undefined)
    const wordy = await startPeer(t, say(hello))
    const client = clientOf(t)
    for (let count = 0; count < 2; count += 1) {
      const described = await client.request(askFor(wordy.endpoint, 'HEAD'), options)
      assert.equal(await described.body.read(), undefined)
    }
    assert.deepEqual(
      wordy.requests.map(({ connection }) => connection),
      [1, 2],
    )
  })

  it('makes one answer of however many pieces', async t => {
    const peer = await startPeer(t, trickle(hello))
    const { headers, body } = await clientOf(t).request(askFor(peer.endpoint), options)
    assert.equal(headers['x-a'], 'b')
    assert.equal((await readAll(body)).toString(), 'hello')
  })

  for (const [what, text] of Object.entries({
    'an informational status': `HTTP/1.1 100 Continue\r\n\r\n${hello}`,
    'an older protocol': 'HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n',
    'the same length twice': 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello',
    'a folded header': 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n c\r\n\r\nhello',
  })) {
    it(`refuses an answer with ${what}`, async t => {
      const peer = await startPeer(t, say(text))
      await assert.rejects(clientOf(t).request(askFor(peer.endpoint), options), PeerResponseError)
    })
  }

  it('uses no connection again that brought more than was asked for', async t => {
    const peer = await startPeer(t, say(`${hello} and more`))
    const client = clientOf(t)
    for (let count = 0; count < 2; count += 1) {
      const { body } = await client.request(askFor(peer.endpoint), options)
      assert.equal((await readAll(body)).toString(), 'hello')
    }
    assert.deepEqual(
      peer.requests.map(({ connection }) => connection),
      [1, 2],
    )
  })

  it('closes a kept connection on which something comes unasked', async t => {
    const peer = await startPeer(t, say(hello))
    const client = clientOf(t)
    await readAll((await client.request(askFor(peer.endpoint), options)).body)
    peer.sockets[0]?.write(hello)
    await until(() => peer.sockets[0]?.destroyed === true)
    await readAll((await client.request(askFor(peer.endpoint), options)).body)
    assert.equal(peer.sockets.length, 2)
  })

  it('uses no connection again that the peer wants closed', async t => {
    const peer = await startPeer(t, say(hello.replace('X-A: b', 'Connection: Close')))
    const client = clientOf(t)
    for (let count = 0; count < 2; count += 1) {
      await readAll((await client.request(askFor(peer.endpoint), options)).body)
    }
    assert.equal(peer.sockets.length, 2)
  })

  it('holds no buffer for a body that came with its head', async t => {
    const peer = await startPeer(t, say(hello))
    const { buffers, clientOf } = withPool()
    await clientOf(t).request(askFor(peer.endpoint), options)
    assert.equal(buffers.usedBytes, 0)
  })

  it('gives a buffer back once its body is read', async t => {
    const peer = await startPeer(t, say(`HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n${'a'.repeat(100_000)}`))
    const { buffers, clientOf } = withPool()
    const { body } = await clientOf(t).request(askFor(peer.endpoint), options)
    assert.equal(buffers.usedBytes, 128 * 1024)
    await readAll(body)
    assert.equal(buffers.usedBytes, 0)
  })

  it('lets others have the event loop between two buffers of a body, once the turn is used up', async t => {
    const lengthBytes = 32 * 1024 * 1024
    const peer = await startPeer(t, socket => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${lengthBytes}\r\n\r\n`)
      socket.write(Buffer.alloc(lengthBytes))
    })
    const turns = new TurnBudget({ turnMs: 0 })
    const client = createPooledPeerClient({ buffers: new BufferPool(), turns })
    t.after(() => client.close())
    const { body } = await client.request(askFor(peer.endpoint), options)
    let turn = 0
    let counting = setImmediate(function count() {
      turn += 1
      counting = setImmediate(count)
    })
    t.after(() => clearImmediate(counting))
    // It came with the head.
    await body.read()
    for (let last = -1, chunk = await body.read(); chunk !== undefined; chunk = await body.read()) {
      assert.ok(turn > last, 'two buffers came in one turn')
      last = turn
    }
  })

  it('hands on what has come where no more comes', async t => {
    const peer = await startPeer(t, pieces)
    const { body } = await clientOf(t).request(askFor(peer.endpoint), options)
    for (let length = 0; length < 20_000; ) length += (await body.read())?.length ?? assert.fail()
    body.destroy()
  })

  it('hands on what has come where the connection breaks off', async t => {
    const peer = await startPeer(t, async (socket, request) => {
      await pieces(socket, request)
      socket.end()
    })
    const { body } = await clientOf(t).request(askFor(peer.endpoint), options)
    for (let length = 0; length < 20_000; ) length += (await body.read())?.length ?? assert.fail()
    await assert.rejects(body.read(), PeerBodyError)
  })

  it('never lets a chunk be overwritten that its reader holds', async t => {
    const peer = await startPeer(t, pieces)
    const { buffers, clientOf } = withPool()
    const { body } = await clientOf(t).request(askFor(peer.endpoint), options)
    // Too much to come together with the head, so the second is in the buffer.
    await body.read()
    const chunk = (await body.read()) ?? assert.fail()
    const release = body.hold?.() ?? assert.fail()
    body.destroy()
    await assert.rejects(body.read(), PeerBodyError)
    const other = buffers.acquire(100_000).fill('b')
    assert.match(chunk.toString(), /^a+$/)
    buffers.release(other)
    release()
    assert.equal(buffers.usedBytes, 0)
  })

  it('keeps what came with one head while another comes', async t => {
    const peer = await startPeer(t, (socket, { count }) => {
      socket.write(count === 1 ? hello : hello.replace('hello', 'world'))
    })
    const client = clientOf(t)
    const first = await client.request(askFor(peer.endpoint), options)
    await readAll((await client.request(askFor(peer.endpoint), options)).body)
    assert.equal((await readAll(first.body)).toString(), 'hello')
  })

  for (const [what, target, headers] of [
    ['target', '/a b', {}],
    ['target', '/a\r\nX-B: c', {}],
    ['header', '/a', { 'x-a': 'b\r\nX-B: c' }],
    ['header', '/a', { 'x a': 'b' }],
  ] as const) {
    it(`sends no ${what} that would be more than one: ${JSON.stringify([target, headers])}`, async t => {
      const peer = await startPeer(t, say(hello))
      const request = { ...askFor(peer.endpoint), target, headers }
      await assert.rejects(clientOf(t).request(request, options), TypeError)
      assert.equal(peer.sockets.length, 0)
    })
  }
})
