import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import type { BasicAuth } from '../../src/http/basic-auth.ts'
import { PeerBusyError, PeerConnectError, PeerResponseError, PeerTimeoutError } from '../../src/http/errors.ts'
import {
  askFor,
  type CreatePeerClient,
  clientsOf,
  hello,
  holdUp,
  options,
  readAll,
  say,
  startPeer,
} from '../http/raw-peer.ts'

/** What every client of peers does with requests. */
export function peerClientContract(name: string, create: CreatePeerClient): void {
  const clientOf = clientsOf(create)

  describe(name, () => {
    it('sends what it is told and gives head and body of the answer', async t => {
      const peer = await startPeer(t, say(hello))
      const { status, headers, body } = await clientOf(t).request(askFor(peer.endpoint), options)
      assert.deepEqual([status, headers['x-a']], [200, 'b'])
      assert.equal((await readAll(body)).toString(), 'hello')
      assert.equal(await body.read(), undefined)
      const head = peer.requests[0]?.head ?? ''
      assert.match(head, /^GET \/v2\/a\?ns=b HTTP\/1\.1\r\nx-a: b\r\n/)
      assert.match(head, new RegExp(`\r\nHost: 127\\.0\\.0\\.1:${peer.endpoint.port}\r\n`))
      assert.doesNotMatch(head, /accept-encoding/i)
    })

    it('sends its credentials with every request', async t => {
      const peer = await startPeer(t, say(hello))
      const basicAuth: BasicAuth = { header: 'Basic abc', verify: () => true }
      await clientOf(t, { basicAuth }).request(askFor(peer.endpoint), options)
      assert.match(peer.requests[0]?.head ?? '', /\r\nauthorization: Basic abc\r\n/)
    })

    it('follows no redirect', async t => {
      const peer = await startPeer(t, say('HTTP/1.1 307 Away\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n'))
      const { status, body } = await clientOf(t).request(askFor(peer.endpoint), options)
      assert.equal(status, 307)
      assert.equal(await body.read(), undefined)
      assert.equal(peer.requests.length, 1)
    })

    const unusable: Readonly<Record<string, string>> = {
      'no HTTP': 'hello\r\n\r\n',
      chunks: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
      'a compressed body': 'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello',
      'no length': 'HTTP/1.1 200 OK\r\n\r\nhello',
      'two lengths': 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello',
      'a head of 20 KB': `HTTP/1.1 200 OK\r\nX-Long: ${'a'.repeat(20_000)}\r\nContent-Length: 0\r\n\r\n`,
      'another protocol': 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n',
    }
    for (const [what, text] of Object.entries(unusable)) {
      it(`refuses an answer with ${what}`, async t => {
        const peer = await startPeer(t, say(text))
        await assert.rejects(clientOf(t).request(askFor(peer.endpoint), options), PeerResponseError)
        assert.equal(peer.requests.length, 1)
      })
    }

    it('accepts no length for an answer without a body', async t => {
      const peer = await startPeer(t, say('HTTP/1.1 304 Not Modified\r\n\r\n'))
      const { status, body } = await clientOf(t).request(askFor(peer.endpoint), options)
      assert.equal(status, 304)
      assert.equal(await body.read(), undefined)
    })

    it('tells that nobody answers', async t => {
      const peer = await startPeer(t, say(hello))
      peer.server.close()
      const asking = clientOf(t).request(askFor(peer.endpoint), options)
      await assert.rejects(asking, (error: unknown) => {
        assert.ok(error instanceof PeerConnectError)
        assert.equal(error.message, `cannot connect to peer 127.0.0.1:${peer.endpoint.port}`)
        return true
      })
    })

    it('names an IPv6 peer in brackets', async t => {
      const asking = clientOf(t).request(askFor({ host: '::1', port: 1 }), options)
      await assert.rejects(asking, { code: 'PEER_CONNECT', message: 'cannot connect to peer [::1]:1' })
    })

    it('looks up no host names', async t => {
      const asking = clientOf(t).request(askFor({ host: 'localhost', port: 80 }), options)
      await assert.rejects(asking, PeerConnectError)
    })

    for (const [what, begin] of [
      ['nothing', ''],
      ['half a head', 'HTTP/1.1 200 OK\r\nContent-Le'],
    ] as const) {
      it(`waits no longer than it should for a peer that sends ${what}`, async t => {
        const peer = await startPeer(t, say(begin))
        const asking = clientOf(t).request(askFor(peer.endpoint), { ...options, headersTimeoutMs: 20 })
        await assert.rejects(asking, PeerTimeoutError)
      })

      it(`tells that the connection broke off after ${what}`, async t => {
        const peer = await startPeer(t, socket => {
          socket.end(begin)
        })
        await assert.rejects(clientOf(t).request(askFor(peer.endpoint), options), PeerResponseError)
        assert.equal(peer.requests.length, 1)
      })
    }

    for (const kept of [false, true]) {
      it(`does not take its own hold-up for a peer's on a ${kept ? 'kept' : 'new'} connection`, async t => {
        const peer = await startPeer(t, say(hello))
        const client = clientOf(t)
        if (kept) await readAll((await client.request(askFor(peer.endpoint), options)).body)
        const asking = client.request(askFor(peer.endpoint), { ...options, headersTimeoutMs: 100 })
        holdUp(300)
        assert.equal((await asking).status, 200)
      })
    }

    it('can be given up before it starts', async t => {
      const peer = await startPeer(t, say(hello))
      const signal = AbortSignal.abort(new Error('enough'))
      await assert.rejects(clientOf(t).request(askFor(peer.endpoint), { ...options, signal }), { message: 'enough' })
      assert.equal(peer.sockets.length, 0)
    })

    it('can be given up while it waits for the head', async t => {
      const controller = new AbortController()
      const peer = await startPeer(t, () => controller.abort(new Error('enough')))
      const asking = clientOf(t).request(askFor(peer.endpoint), { ...options, signal: controller.signal })
      await assert.rejects(asking, { message: 'enough' })
      await once(peer.sockets[0] ?? assert.fail(), 'close')
    })

    it('refuses more requests to one peer than it may have in flight, and takes them again afterwards', async t => {
      const peer = await startPeer(t, say(hello))
      const client = clientOf(t, { maxConnectionsPerPeer: 2 })
      const [first, second] = await Promise.all([
        client.request(askFor(peer.endpoint), options),
        client.request(askFor(peer.endpoint), options),
      ])
      await assert.rejects(client.request(askFor(peer.endpoint), options), PeerBusyError)
      await readAll(first.body)
      await new Promise(setImmediate)
      second.body.destroy()
      const third = await client.request(askFor(peer.endpoint), options)
      assert.equal((await readAll(third.body)).toString(), 'hello')
    })
  })
}
