import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { MemoryLog } from '../../test/fakes/memory-log.ts'
import { get, RawClient } from '../../test/http/raw-client.ts'
import { aborted, connect, echo, gate, listen, serve } from '../../test/http/server-rig.ts'
import { endShort } from './body.ts'
import { ClientGoneError, ListenError, ServerStoppingError } from './errors.ts'
import type { Exchange, Handler } from './exchange.ts'
import { startHttpServer } from './server.ts'

describe('an HTTP server', () => {
  it('tells where it listens', async () => {
    await using server = await serve()
    const { address } = server
    assert.equal(address.host, '127.0.0.1')
    assert.ok(address.port > 0)
  })

  it('gives the handler method, path and query', async () => {
    await using server = await serve()
    using client = await connect(server)
    client.send(get('/v2/a%2Fb?ns=docker.io'))
    assert.match(await client.receive('>'), /^HTTP\/1\.1 200 OK\r\n.*<GET \/v2\/a%2Fb ns=docker\.io>$/s)
  })

  it('accepts a target in absolute form', async () => {
    await using server = await serve()
    using client = await connect(server)
    client.send(get('http://node:5000/v2/?ns=docker.io'))
    await client.receive('<GET /v2/ ns=docker.io>')
  })

  it('keeps the connection between requests', async () => {
    await using server = await serve()
    using client = await connect(server)
    client.send(get('/1'))
    await client.receive('<GET /1 >')
    client.send(get('/2'))
    await client.receive('<GET /2 >')
  })

  it('answers pipelined requests in order, one at a time', async () => {
    let running = 0
    let most = 0
    const handler: Handler = async exchange => {
      most = Math.max(most, (running += 1))
      await new Promise(setImmediate)
      await echo(exchange)
      running -= 1
    }
    await using server = await serve({ handler })
    using client = await connect(server)
    client.send(get('/1') + get('/2') + get('/3'))
    assert.match(await client.receive('<GET /3 >'), /<GET \/1 >.*<GET \/2 >.*<GET \/3 >/s)
    assert.equal(most, 1)
  })

  it('ends a connection that pipelines without limit', async () => {
    const { handler, arrived } = gate()
    await using server = await serve({ handler })
    using client = await connect(server)
    client.send(get('/').repeat(100))
    await arrived
    await client.ending
  })

  it('closes after the response where the client asks for it', async () => {
    await using server = await serve()
    using client = await connect(server)
    client.send(get('/', { connection: 'close' }))
    assert.equal(await client.ending, 'fin')
    assert.match(client.received.toString(), /\r\nconnection: close\r\n.*<GET \/ >$/is)
  })

  it('ends the connection and logs the error where a handler throws', async () => {
    const log = new MemoryLog()
    await using server = await serve({ handler: () => Promise.reject(new Error('disk')), log })
    using client = await connect(server)
    client.send(get('/'))
    assert.equal(await client.ending, 'fin')
    assert.equal(client.received.length, 0)
    assert.deepEqual(
      log.lines.map(({ level, message }) => ({ level, message })),
      [{ level: 'error', message: 'request handler failed' }],
    )
  })

  it('aborts the exchange when the client hangs up', async () => {
    const { handler, arrived } = gate()
    await using server = await serve({ handler })
    using client = await connect(server)
    client.send(get('/'))
    const exchange = await arrived
    client.socket.resetAndDestroy()
    assert.ok((await aborted(exchange)) instanceof ClientGoneError)
  })

  it('does not abort an exchange that is finished', async () => {
    const finished = Promise.withResolvers<Exchange>()
    const handler: Handler = async exchange => {
      await echo(exchange)
      finished.resolve(exchange)
    }
    await using server = await serve({ handler })
    using client = await connect(server)
    client.send(get('/', { connection: 'close' }))
    const { signal, request } = await finished.promise
    await client.ending
    client.socket.destroy()
    await once(request.socket, 'close')
    assert.equal(signal.aborted, false)
  })
})

describe('starting an HTTP server', () => {
  it('fails with one clear line where the port is taken', async () => {
    await using server = await serve()
    const { address } = server
    const starting = startHttpServer({ handler: echo, log: new MemoryLog() }, { name: 'registry', listen: address })
    await assert.rejects(starting, (error: unknown) => {
      assert.ok(error instanceof ListenError)
      assert.equal(error.message, `cannot listen on 127.0.0.1:${address.port} (registry): address already in use`)
      return true
    })
  })

  it('names an IPv6 address in brackets where it fails', async () => {
    const options = { name: 'registry', listen: { host: '2001:db8::1', port: 5000 } }
    const starting = startHttpServer({ handler: echo, log: new MemoryLog() }, options)
    await assert.rejects(starting, { code: 'LISTEN', message: /^cannot listen on \[2001:db8::1\]:5000 \(registry\)/ })
  })

  it('can be given up', async () => {
    const signal = AbortSignal.abort(new Error('never mind'))
    const starting = startHttpServer({ handler: echo, log: new MemoryLog() }, { name: 'test', listen, signal })
    await assert.rejects(starting, { message: 'never mind' })
  })
})

describe('draining an HTTP server', () => {
  it('refuses new connections, closes idle ones, and lets requests finish', async () => {
    const { handler, arrived, open } = gate()
    await using server = await serve({ handler })
    using idle = await connect(server)
    using busy = await connect(server)
    busy.send(get('/'))
    await arrived
    const drained = server.drain(10_000)
    assert.equal(await idle.ending, 'fin')
    await assert.rejects(RawClient.connect(server.address), { code: 'ECONNREFUSED' })
    open()
    assert.equal(await busy.ending, 'fin')
    assert.match(busy.received.toString(), /\r\nconnection: close\r\n.*<GET \/ >$/is)
    busy.socket.end()
    await drained
  })

  it('aborts what is not finished in time and ends it with FIN', async () => {
    const arrived = Promise.withResolvers<Exchange>()
    const handler: Handler = async exchange => {
      exchange.response.writeHead(200, { 'content-length': 10 })
      exchange.response.write('12345')
      arrived.resolve(exchange)
      await aborted(exchange)
      endShort(exchange.response)
    }
    await using server = await serve({ handler })
    using client = await connect(server)
    client.send(get('/'))
    const exchange = await arrived.promise
    const drained = server.drain(1)
    assert.equal(await client.ending, 'fin')
    assert.match(client.received.toString(), /\r\n\r\n12345$/)
    assert.ok((await aborted(exchange)) instanceof ServerStoppingError)
    client.socket.end()
    await drained
  })

  it('ends even where a handler ignores that it is aborted', async () => {
    const { handler, arrived } = gate()
    await using server = await serve({ handler, limits: { lingerMs: 20 } })
    using client = await connect(server)
    client.send(get('/'))
    await arrived
    await server.drain(1)
    assert.equal(await client.ending, 'fin')
  })

  it('happens once, however often it is asked for', async () => {
    await using server = await serve()
    const drained = server.drain(10)
    assert.equal(server.drain(10_000), drained)
    await server[Symbol.asyncDispose]()
    await drained
  })
})
