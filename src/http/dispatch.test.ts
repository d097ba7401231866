import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { fail, say, serve } from '../../test/http/dispatch-rig.ts'
import { get } from '../../test/http/raw-client.ts'
import { DistributionError } from '../oci/distribution-error.ts'
import { sendBody } from './body.ts'
import type { Route } from './dispatch.ts'
import type { Handler } from './exchange.ts'

const failWhenAborted: Handler = async ({ signal }) => {
  await once(signal, 'abort')
  throw new Error('given up')
}

/** Sends a head and half a body, then throws `error`. */
function failHalfway(error: Error): Handler {
  return async ({ response }) => {
    response.writeHead(200, { 'content-length': 10 })
    response.write('12345')
    throw error
  }
}

describe('routes', () => {
  const routes: readonly Route[] = [
    { path: '/v2/', handler: 'v2', handle: say('base') },
    { path: '/v2/*', handler: 'registry', handle: say('rest') },
    { path: '/claims', methods: ['POST'], handler: 'claims', handle: say('claim') },
    { path: '/claims', methods: ['GET'], handler: 'claims', handle: say('claims') },
  ]
  const found: readonly (readonly [string, string, string])[] = [
    ['GET', '/v2/', 'base'],
    ['GET', '/v2/?ns=docker.io', 'base'],
    ['GET', '/v2/a', 'rest'],
    ['GET', '/v2//', 'rest'],
    ['POST', '/claims', 'claim'],
    ['GET', '/claims', 'claims'],
  ]
  for (const [method, path, body] of found) {
    it(`lead ${method} ${path} to its handler`, async () => {
      await using server = await serve(routes)
      const response = await fetch(server.url(path), { method })
      assert.deepEqual([response.status, await response.text()], [200, body])
    })
  }

  for (const path of ['/', '/v2', '/v3/', '/claims/', '/V2/', '/v2%2F']) {
    it(`answer ${path} with 404 and an OCI error`, async () => {
      await using server = await serve(routes)
      const response = await fetch(server.url(path))
      assert.equal(response.status, 404)
      assert.equal(response.headers.get('content-type'), 'application/json')
      const body = { errors: [{ code: 'UNSUPPORTED', message: 'nothing is served under this path' }] }
      assert.deepEqual(await response.json(), body)
    })
  }

  const refused: readonly (readonly [string, string, string])[] = [
    ['DELETE', '/v2/', 'GET, HEAD'],
    ['PUT', '/claims', 'POST, GET'],
  ]
  for (const [method, path, allow] of refused) {
    it(`answer ${method} ${path} with 405 and what is allowed`, async () => {
      await using server = await serve(routes)
      const response = await fetch(server.url(path), { method })
      assert.equal(response.status, 405)
      assert.equal(response.headers.get('allow'), allow)
      assert.match(await response.text(), /"UNSUPPORTED"/)
    })
  }
})

describe('an error that a handler throws', () => {
  it('is answered as it says where it is meant for the client', async () => {
    const error = new DistributionError('DENIED', 'go away', {
      headers: { 'x-why': 'because' },
      cause: new Error('secret'),
    })
    await using server = await serve([{ path: '/', handler: 'v2', handle: fail(error) }])
    const response = await fetch(server.url('/'))
    assert.equal(response.status, 403)
    assert.equal(response.headers.get('x-why'), 'because')
    assert.deepEqual(await response.json(), { errors: [{ code: 'DENIED', message: 'go away' }] })
    assert.equal((await server.lines())[0]?.level, 'debug')
  })

  it('is answered without a body where the client asked with HEAD', async () => {
    await using server = await serve([
      { path: '/', handler: 'v2', handle: fail(new DistributionError('DENIED', 'no')) },
    ])
    using client = await server.connect()
    client.send('HEAD / HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n')
    await client.ending
    assert.match(client.received.toString(), /^HTTP\/1\.1 403 .*\r\n\r\n$/s)
  })

  it('is answered 500 without its message otherwise, and logged once', async () => {
    const error = new Error('secret')
    await using server = await serve([{ path: '/', handler: 'v2', handle: fail(error) }])
    const response = await fetch(server.url('/'))
    assert.equal(response.status, 500)
    assert.deepEqual(await response.json(), { errors: [{ code: 'UNKNOWN', message: 'internal error' }] })
    const lines = await server.lines()
    assert.deepEqual(
      lines.map(({ level, fields }) => [level, fields['error']]),
      [['error', error]],
    )
  })

  it('ends the body with FIN where the head is sent already', async () => {
    await using server = await serve([{ path: '/', handler: 'v2', handle: failHalfway(new Error('disk')) }])
    using client = await server.connect()
    client.send(get('/'))
    assert.equal(await client.ending, 'fin')
    assert.match(client.received.toString(), /\r\n\r\n12345$/)
    assert.deepEqual(
      (await server.lines()).map(({ level }) => level),
      ['error'],
    )
  })

  it('is a warning where the source of a body broke off', async () => {
    const chunks = [Buffer.from('12345')]
    const body = {
      read: async () => chunks.shift() ?? (await Promise.reject(new Error('peer'))),
      destroy: () => undefined,
    }
    const handle: Handler = async exchange => {
      await sendBody(exchange, { status: 200, headers: { 'content-length': 10 }, body })
    }
    await using server = await serve([{ path: '/', handler: 'v2', handle }])
    using client = await server.connect()
    client.send(get('/'))
    assert.equal(await client.ending, 'fin')
    assert.match(client.received.toString(), /\r\n\r\n12345$/)
    assert.deepEqual(
      (await server.lines()).map(({ level }) => level),
      ['warn'],
    )
  })

  it('is no more than a debug line where the client hung up', async () => {
    await using server = await serve([{ path: '/', handler: 'v2', handle: failWhenAborted }])
    using client = await server.connect()
    client.send(get('/'))
    client.socket.end()
    assert.deepEqual(
      (await server.lines()).map(({ level }) => level),
      ['debug'],
    )
    const counts = await server.metric('http_request_duration_seconds_count')
    assert.deepEqual(counts, ['http_request_duration_seconds_count{handler="v2",method="GET",code="499"} 1'])
  })

  it('is answered 503 where the server stops', async () => {
    const arrived = Promise.withResolvers<void>()
    const handle: Handler = async exchange => {
      arrived.resolve()
      await failWhenAborted(exchange)
    }
    await using server = await serve([{ path: '/', handler: 'v2', handle }])
    const response = fetch(server.url('/'))
    await arrived.promise
    await server.server.drain(1)
    assert.equal((await response).status, 503)
    assert.deepEqual(
      (await server.lines()).map(({ level }) => level),
      ['warn'],
    )
  })

  it('is made up where a handler sends no response', async () => {
    await using server = await serve([{ path: '/', handler: 'v2', handle: () => Promise.resolve() }])
    assert.equal((await fetch(server.url('/'))).status, 500)
    assert.match(String((await server.lines())[0]?.fields['error']), /handler v2 left its response incomplete/)
  })
})
