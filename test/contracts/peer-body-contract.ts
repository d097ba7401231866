import assert from 'node:assert/strict'
import { getEventListeners, once } from 'node:events'
import type { Socket } from 'node:net'
import { describe, it } from 'node:test'
import { PeerBodyError } from '../../src/http/errors.ts'
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
} from '../http/raw-peer.ts'

/** What the bodies of every client of peers do. */
export function peerBodyContract(name: string, create: CreatePeerClient): void {
  const clientOf = clientsOf(create)

  describe(`the body of ${name}`, () => {
    const large = Buffer.alloc(8 * 1024 * 1024, 'spegel')
    const sendLarge: Answer = socket => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${large.length}\r\n\r\n`)
      socket.write(large)
    }

    it('comes whole and in order', async t => {
      const peer = await startPeer(t, sendLarge)
      const { body } = await clientOf(t).request(askFor(peer.endpoint), options)
      assert.ok((await readAll(body)).equals(large))
    })

    it('is not read ahead of its reader', async t => {
      const peer = await startPeer(t, socket => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n')
        socket.write(Buffer.alloc(64 * 1024 * 1024))
      })
      const { body } = await clientOf(t).request(askFor(peer.endpoint), options)
      await body.read()
      const socket = peer.sockets[0] ?? assert.fail()
      for (let turn = 0; turn < 100; turn += 1) await new Promise(setImmediate)
      assert.ok(socket.writableLength > 32 * 1024 * 1024)
      body.destroy()
    })

    for (const [how, end] of [
      ['ends', (socket: Socket) => socket.end()],
      ['is reset', (socket: Socket) => socket.resetAndDestroy()],
    ] as const) {
      it(`fails where it ${how} before its end, and goes on failing`, async t => {
        const peer = await startPeer(t, socket => {
          socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello')
          setImmediate(() => end(socket))
        })
        const { body } = await clientOf(t).request(askFor(peer.endpoint), options)
        await assert.rejects(readAll(body), PeerBodyError)
        await assert.rejects(body.read(), PeerBodyError)
      })
    }

    it('fails a pending read where it is destroyed, and closes the connection', async t => {
      const peer = await startPeer(t, say('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello'))
      const { body } = await clientOf(t).request(askFor(peer.endpoint), options)
      await body.read()
      const reading = body.read()
      body.destroy()
      await assert.rejects(reading, PeerBodyError)
      await assert.rejects(body.read(), PeerBodyError)
      await once(peer.sockets[0] ?? assert.fail(), 'close')
    })

    it('fails a pending read with the reason where it is given up', async t => {
      const controller = new AbortController()
      const peer = await startPeer(t, say('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello'))
      const { body } = await clientOf(t).request(askFor(peer.endpoint), { ...options, signal: controller.signal })
      await body.read()
      const reading = body.read()
      controller.abort(new Error('enough'))
      await assert.rejects(reading, { message: 'enough' })
      await once(peer.sockets[0] ?? assert.fail(), 'close')
    })

    it('keeps the connection where it is destroyed unread but has arrived', async t => {
      const peer = await startPeer(t, say('HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello'))
      const client = clientOf(t)
      for (let count = 0; count < 2; count += 1) {
        const { body } = await client.request(askFor(peer.endpoint), options)
        body.destroy()
        await new Promise(setImmediate)
      }
      assert.deepEqual(
        peer.requests.map(({ connection }) => connection),
        [1, 1],
      )
    })

    it('may be destroyed after its end', async t => {
      const peer = await startPeer(t, say(hello))
      const { body } = await clientOf(t).request(askFor(peer.endpoint), options)
      await readAll(body)
      body.destroy()
      assert.equal(await body.read(), undefined)
    })

    it('leaves no listener on the signal of its request', async t => {
      const { signal } = new AbortController()
      const peer = await startPeer(t, say(hello))
      const client = clientOf(t)
      const { body } = await client.request(askFor(peer.endpoint), { ...options, signal })
      await readAll(body)
      await new Promise(setImmediate)
      assert.equal(getEventListeners(signal, 'abort').length, 0)
    })
  })
}
