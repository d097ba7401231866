import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { bodyOf, content, endlessBody, errorOf, serve } from '../../test/http/body-rig.ts'
import { get } from '../../test/http/raw-client.ts'
import { type PulledBody, sendBody } from './body.ts'
import { BodyBrokenError, ClientGoneError } from './errors.ts'

describe('sendBody', () => {
  it('relays all chunks and destroys the body, which by then is harmless', async () => {
    const body = bodyOf([content.subarray(0, 5), content.subarray(5, 700_000), content.subarray(700_000)])
    await using server = await serve(exchange =>
      sendBody(exchange, { status: 206, headers: { 'Content-Length': content.length }, body }),
    )
    const response = await fetch(server.url)
    assert.equal(response.status, 206)
    assert.ok(content.equals(Buffer.from(await response.arrayBuffer())))
    assert.deepEqual(await server.outcome, { value: content.length })
    assert.ok(body.destroyed)
  })

  it('sends an empty body', async () => {
    await using server = await serve(exchange =>
      sendBody(exchange, { status: 200, headers: { 'content-length': 0 }, body: bodyOf([]) }),
    )
    assert.equal(await (await fetch(server.url)).text(), '')
    assert.deepEqual(await server.outcome, { value: 0 })
  })

  it('sends a body of unknown length in chunks', async () => {
    const body = bodyOf([Buffer.from('hello '), Buffer.from('world')])
    await using server = await serve(exchange => sendBody(exchange, { status: 200, headers: {}, body }))
    const response = await fetch(server.url)
    assert.equal(response.headers.get('transfer-encoding'), 'chunked')
    assert.equal(await response.text(), 'hello world')
  })

  it('sends the head alone to HEAD, and destroys the body unread', async () => {
    const body = endlessBody()
    await using server = await serve(exchange =>
      sendBody(exchange, { status: 200, headers: { 'content-length': 100 }, body }),
    )
    const response = await fetch(server.url, { method: 'HEAD' })
    assert.equal(response.headers.get('content-length'), '100')
    assert.deepEqual(await server.outcome, { value: 0 })
    assert.deepEqual([body.reads, body.destroyed], [0, true])
  })

  it('leaves the exchange unanswered where the body fails before its first byte', async () => {
    const failure = new Error('peer')
    const body = bodyOf([failure])
    await using server = await serve(exchange =>
      sendBody(exchange, { status: 200, headers: { 'content-length': 100 }, body }),
    )
    assert.equal((await fetch(server.url)).status, 500)
    assert.equal(errorOf(await server.outcome), failure)
    assert.ok(body.destroyed)
  })

  const failures: Readonly<Record<string, readonly (Buffer | Error)[]>> = {
    'fails later': [content.subarray(0, 5000), new Error('peer')],
    'is too short': [content.subarray(0, 5000)],
    'is too long': [content.subarray(0, 5000), content.subarray(0, 5001)],
  }
  for (const [how, chunks] of Object.entries(failures)) {
    it(`sends what is right, then FIN, where the body ${how}`, async () => {
      const body = bodyOf(chunks)
      await using server = await serve(exchange =>
        sendBody(exchange, { status: 200, headers: { 'content-length': 10_000 }, body }),
      )
      using client = await server.connect()
      client.send(get('/1'), get('/2'))
      assert.equal(await client.ending, 'fin')
      assert.equal(client.received.length - client.received.indexOf('\r\n\r\n') - 4, 5000)
      const error = errorOf(await server.outcome)
      assert.ok(error instanceof BodyBrokenError)
      assert.equal(error.sentBytes, 5000)
      assert.ok(body.destroyed)
    })
  }

  it('reads no more while the client takes nothing, and destroys the body when it hangs up', async () => {
    const body = endlessBody()
    const begun = Promise.withResolvers<undefined>()
    await using server = await serve(exchange => {
      begun.resolve(undefined)
      return sendBody(exchange, { status: 200, headers: {}, body })
    })
    using client = await server.connect()
    client.socket.pause()
    client.send(get('/'))
    await begun.promise
    for (let turn = 0; turn < 100; turn += 1) await new Promise(setImmediate)
    const { reads } = body
    for (let turn = 0; turn < 100; turn += 1) await new Promise(setImmediate)
    assert.equal(body.reads, reads)
    client.socket.destroy()
    assert.ok(errorOf(await server.outcome) instanceof ClientGoneError)
    assert.ok(body.destroyed)
  })

  it('destroys the body at once when the client hangs up while the next bytes are awaited', async () => {
    const destroyed = Promise.withResolvers<undefined>()
    const body: PulledBody = {
      read: async () => {
        await destroyed.promise
        throw new Error('destroyed')
      },
      destroy: () => destroyed.resolve(undefined),
    }
    await using server = await serve(exchange => sendBody(exchange, { status: 200, headers: {}, body }))
    using client = await server.connect()
    client.send(get('/'))
    client.socket.end()
    assert.ok(errorOf(await server.outcome) instanceof ClientGoneError)
  })

  it('reads nothing where the client has hung up', async () => {
    const body = endlessBody()
    await using server = await serve(async exchange => {
      exchange.request.socket.destroy()
      await once(exchange.signal, 'abort')
      return sendBody(exchange, { status: 200, headers: {}, body })
    })
    using client = await server.connect()
    client.send(get('/'))
    assert.ok(errorOf(await server.outcome) instanceof ClientGoneError)
    assert.deepEqual([body.reads, body.destroyed], [0, true])
  })
})
