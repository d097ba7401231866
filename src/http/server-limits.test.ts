import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { get } from '../../test/http/raw-client.ts'
import { aborted, connect, connectMany, gate, serve } from '../../test/http/server-rig.ts'
import { ClientGoneError } from './errors.ts'
import type { Exchange, Handler } from './exchange.ts'

describe('an HTTP server under limits', () => {
  it('closes a connection on which nothing is sent', async () => {
    await using server = await serve({ limits: { headTimeoutMs: 50 } })
    using client = await connect(server)
    assert.equal(await client.ending, 'fin')
    assert.equal(client.received.length, 0)
  })

  it('closes a connection whose request head is never finished', async () => {
    await using server = await serve({ limits: { headTimeoutMs: 50 } })
    using client = await connect(server)
    client.send('GET / HTTP/1.1\r\nHost: node\r\n')
    assert.equal(await client.ending, 'fin')
    assert.equal(client.received.length, 0)
  })

  it('does not count the time that an answer takes', async () => {
    const { handler, arrived, open } = gate()
    const limits = { headTimeoutMs: 50, requestTimeoutMs: 50 }
    await using server = await serve({ handler, limits })
    using slow = await connect(server)
    using late = await connect(server)
    slow.send(get('/'))
    await arrived
    assert.equal(await late.ending, 'fin')
    open()
    await slow.receive('<GET / >')
  })

  it('closes a connection that is idle between requests', async () => {
    await using server = await serve({ limits: { idleTimeoutMs: 1 } })
    using client = await connect(server)
    client.send(get('/'))
    await client.receive('>')
    assert.equal(await client.ending, 'fin')
  })

  it('answers a good client while 500 connections without a request are open and 100 are allowed', async () => {
    await using server = await serve({ limits: { maxConnections: 100 } })
    using stack = new DisposableStack()
    const first = await connectMany(server, { count: 250, stack })
    using good = await connect(server)
    const others = await connectMany(server, { count: 250, stack })
    using later = await connect(server)
    later.send(get('/'))
    await later.receive('<GET / >')
    // Everyone who came before the last hundred has been closed.
    const endings = [...first, good, ...others.slice(0, 100)].map(({ ending }) => ending)
    assert.deepEqual(new Set(await Promise.all(endings)), new Set(['fin']))
  })

  it('closes no connection whose request is being answered to make room', async () => {
    const { handler, arrived, open } = gate()
    await using server = await serve({ handler, limits: { maxConnections: 2 } })
    using busy = await connect(server)
    busy.send(get('/'))
    await arrived
    using stack = new DisposableStack()
    const idle = await connectMany(server, { count: 5, stack })
    await Promise.all(idle.slice(0, -1).map(({ ending }) => ending))
    open()
    await busy.receive('<GET / >')
  })

  it('refuses a new connection where all others are busy', async () => {
    const { handler, arrived, open } = gate()
    await using server = await serve({ handler, limits: { maxConnections: 1 } })
    using busy = await connect(server)
    busy.send(get('/'))
    await arrived
    using refused = await connect(server)
    await refused.ending
    open()
    await busy.receive('<GET / >')
  })

  it('cuts a client that takes nothing of what is sent', async () => {
    const written = Promise.withResolvers<Exchange>()
    const handler: Handler = async exchange => {
      exchange.response.write(Buffer.alloc(32 * 1024 * 1024))
      written.resolve(exchange)
      await aborted(exchange)
    }
    await using server = await serve({ handler, limits: { writeIdleTimeoutMs: 50, lingerMs: 1 } })
    using client = await connect(server)
    client.socket.pause()
    client.send(get('/'))
    assert.ok((await aborted(await written.promise)) instanceof ClientGoneError)
  })

  it('does not cut a client that waits for an answer longer than it may take nothing', async () => {
    const { handler, arrived, open } = gate()
    await using server = await serve({ handler, limits: { writeIdleTimeoutMs: 20, headTimeoutMs: 100 } })
    using client = await connect(server)
    client.send(get('/'))
    await arrived
    using later = await connect(server)
    await later.ending
    open()
    await client.receive('<GET / >')
  })
})
