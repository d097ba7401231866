import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { content, errorOf, KiB, serve } from '../../test/http/body-rig.ts'
import { get } from '../../test/http/raw-client.ts'
import { endShort, sendBytes } from './body.ts'
import { ClientGoneError } from './errors.ts'
import type { Exchange } from './exchange.ts'

describe('sendBytes', () => {
  for (const body of ['grüß', Buffer.from('grüß')]) {
    it(`sends ${typeof body === 'string' ? 'text' : 'bytes'} with its length`, async () => {
      await using server = await serve(exchange => sendBytes(exchange, { status: 201, headers: { 'x-a': 1 }, body }))
      const response = await fetch(server.url)
      assert.equal(response.status, 201)
      assert.equal(response.headers.get('x-a'), '1')
      assert.equal(response.headers.get('content-length'), '6')
      assert.equal(await response.text(), 'grüß')
      assert.deepEqual(await server.outcome, { value: 6 })
    })
  }

  it('sends the head alone to HEAD', async () => {
    await using server = await serve(exchange => sendBytes(exchange, { status: 200, headers: {}, body: 'hello' }))
    using client = await server.connect()
    client.send('HEAD / HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n')
    await client.ending
    assert.match(client.received.toString(), /content-length: 5\r\n(?:.+\r\n)*\r\n$/i)
    assert.deepEqual(await server.outcome, { value: 0 })
  })

  it('fails where the client hangs up before it has everything', async () => {
    await using server = await serve(exchange => {
      exchange.request.socket.destroy()
      return sendBytes(exchange, { status: 200, headers: {}, body: 'hello' })
    })
    using client = await server.connect()
    client.send(get('/'))
    assert.ok(errorOf(await server.outcome) instanceof ClientGoneError)
  })

  it('fails where the client has hung up', async () => {
    await using server = await serve(async exchange => {
      exchange.request.socket.destroy()
      await once(exchange.signal, 'abort')
      return sendBytes(exchange, { status: 200, headers: {}, body: 'hello' })
    })
    using client = await server.connect()
    client.send(get('/'))
    assert.ok(errorOf(await server.outcome) instanceof ClientGoneError)
  })
})

/** Sends a head and half a megabyte of a body of one. */
function beginLarge({ response }: Exchange): void {
  response.writeHead(200, { 'content-length': 1_000_000 })
  response.write(content.subarray(0, 500_000))
}

describe('endShort', () => {
  const inputs: Readonly<Record<string, readonly (string | Uint8Array)[]>> = {
    'nothing more': [],
    'a second request': [get('/2')],
    'ten requests': [get('/2').repeat(10)],
    'a body that nobody asked for': [Buffer.alloc(4 * 1024 * KiB)],
  }
  const cases = Object.entries(inputs).flatMap(([what, input]) =>
    [false, true].map(waits => ({ what: `${what}${waits ? ' meanwhile' : ''}`, input, waits })),
  )
  for (const { what, input, waits } of cases) {
    it(`shows the client all that was written, then FIN, where it has sent ${what}`, async () => {
      await using server = await serve(async exchange => {
        beginLarge(exchange)
        if (waits) await new Promise(setImmediate)
        endShort(exchange.response)
      })
      using client = await server.connect()
      client.send(get('/1', { 'content-length': what.includes('body') ? '9999999' : '0' }), ...input)
      assert.equal(await client.ending, 'fin')
      assert.equal(client.received.length - client.received.indexOf('\r\n\r\n') - 4, 500_000)
      // What is sent after the FIN is still taken, until the client closes.
      client.socket.end('more')
      await once(client.socket, 'close')
    })
  }

  it('reads what the client sends even where a pipelined request had to wait for a full socket', async () => {
    const full = Promise.withResolvers<undefined>()
    await using server = await serve(async exchange => {
      const { request, response } = exchange
      response.writeHead(200)
      response.write(Buffer.alloc(32 * 1024 * KiB))
      full.resolve(undefined)
      await once(request.socket, 'pause')
      endShort(response)
    })
    using client = await server.connect()
    client.socket.pause()
    client.send(get('/1'))
    await full.promise
    client.send(get('/2'))
    await server.outcome
    client.socket.resume()
    assert.equal(await client.ending, 'fin')
    client.socket.end('more')
    await once(client.socket, 'close')
  })

  it('sends a head that was written and no body', async () => {
    await using server = await serve(({ response }) => {
      response.writeHead(200, { 'content-length': 5 })
      endShort(response)
      return Promise.resolve()
    })
    using client = await server.connect()
    client.send(get('/'))
    assert.equal(await client.ending, 'fin')
    assert.match(client.received.toString(), /^HTTP\/1\.1 200 OK\r\ncontent-length: 5\r\n(?:.+\r\n)*\r\n$/)
  })

  it('sends nothing where no head was written', async () => {
    await using server = await serve(({ response }) => Promise.resolve(endShort(response)))
    using client = await server.connect()
    client.send(get('/'))
    assert.equal(await client.ending, 'fin')
    assert.equal(client.received.length, 0)
  })

  it('is harmless a second time, and after the client hung up', async () => {
    await using server = await serve(async exchange => {
      beginLarge(exchange)
      endShort(exchange.response)
      endShort(exchange.response)
      await once(exchange.signal, 'abort')
      endShort(exchange.response)
    })
    using client = await server.connect()
    client.send(get('/'))
    assert.equal(await client.ending, 'fin')
    client.socket.end()
    assert.deepEqual(await server.outcome, { value: undefined })
  })
})
