import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { PeerResponseError } from '../../src/http/errors.ts'
import { MemoryLog } from '../fakes/memory-log.ts'
import { askFor, type CreatePeerClient, clientsOf, hello, options, readAll, say, startPeer } from '../http/raw-peer.ts'

/** How every client of peers uses its connections. */
export function peerConnectionsContract(name: string, create: CreatePeerClient): void {
  const clientOf = clientsOf(create)

  describe(`connections of ${name}`, () => {
    it('are used again once a body is read to its end', async t => {
      const peer = await startPeer(t, say(hello))
      const client = clientOf(t)
      const first = await client.request(askFor(peer.endpoint), options)
      await readAll(first.body)
      await new Promise(setImmediate)
      await readAll((await client.request(askFor(peer.endpoint), options)).body)
      assert.deepEqual(
        peer.requests.map(({ connection }) => connection),
        [1, 1],
      )
    })

    it('are asked once more, afresh, where the peer has closed a kept one meanwhile', async t => {
      const log = new MemoryLog()
      const peer = await startPeer(t, (socket, { count }) => {
        if (count === 2) socket.resetAndDestroy()
        else socket.write(hello)
      })
      const client = clientOf(t, {}, log)
      await readAll((await client.request(askFor(peer.endpoint), options)).body)
      await new Promise(setImmediate)
      const { body } = await client.request(askFor(peer.endpoint), options)
      assert.equal((await readAll(body)).toString(), 'hello')
      assert.deepEqual(
        peer.requests.map(({ connection }) => connection),
        [1, 1, 2],
      )
      assert.equal(log.lines.length, 1)
    })

    it('are not asked once more where the peer has begun to answer', async t => {
      const peer = await startPeer(t, (socket, { count }) => {
        if (count === 1) socket.write(hello)
        else socket.end('HTTP/1.1 200')
      })
      const client = clientOf(t)
      await readAll((await client.request(askFor(peer.endpoint), options)).body)
      await new Promise(setImmediate)
      await assert.rejects(client.request(askFor(peer.endpoint), options), PeerResponseError)
      assert.equal(peer.requests.length, 2)
    })

    it('are asked at most twice', async t => {
      const peer = await startPeer(t, (socket, { count }) => {
        if (count === 1) socket.write(hello)
        else socket.resetAndDestroy()
      })
      const client = clientOf(t)
      await readAll((await client.request(askFor(peer.endpoint), options)).body)
      await new Promise(setImmediate)
      await assert.rejects(client.request(askFor(peer.endpoint), options), PeerResponseError)
      assert.equal(peer.requests.length, 3)
    })

    it('are closed with the client', async t => {
      const peer = await startPeer(t, say(hello))
      const client = create({ log: new MemoryLog() }, {})
      await readAll((await client.request(askFor(peer.endpoint), options)).body)
      const closed = once(peer.sockets[0] ?? assert.fail(), 'close')
      await client.close()
      await closed
    })
  })
}
