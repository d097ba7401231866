import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fail, say, serve } from '../../test/http/dispatch-rig.ts'
import { DistributionError } from '../oci/distribution-error.ts'
import { sendBytes } from './body.ts'
import type { Handler } from './exchange.ts'

const sayNotReady: Handler = async exchange => {
  await sendBytes(exchange, { status: 503, headers: {}, body: 'not ready' })
}

const sendManifest: Handler = async exchange => {
  exchange.handler = 'manifest'
  await sendBytes(exchange, { status: 200, headers: {}, body: 'a'.repeat(2000) })
}

describe('a request', () => {
  it('is measured under the handler that took it in the end', async () => {
    await using server = await serve([{ path: '/v2/*', handler: 'registry', handle: sendManifest }])
    await (await fetch(server.url('/v2/a'))).text()
    await server.answered
    const labels = 'handler="manifest",method="GET",code="200"'
    const sizes = await server.metric('http_response_size_bytes_bucket')
    assert.ok(sizes.includes(`http_response_size_bytes_bucket{le="1024",${labels}} 0`))
    assert.ok(sizes.includes(`http_response_size_bytes_bucket{le="5120",${labels}} 1`))
    assert.deepEqual(await server.metric('http_request_duration_seconds_count'), [
      `http_request_duration_seconds_count{${labels}} 1`,
    ])
  })

  it('is in flight until it is answered', async () => {
    const [arrived, open] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const handle: Handler = async exchange => {
      arrived.resolve()
      await open.promise
      await say('done')(exchange)
    }
    await using server = await serve([{ path: '/', handler: 'v2', handle }])
    const response = fetch(server.url('/'))
    await arrived.promise
    assert.deepEqual(await server.metric('http_requests_inflight{'), ['http_requests_inflight{handler="v2"} 1'])
    open.resolve()
    await (await response).text()
    await server.answered
    assert.deepEqual(await server.metric('http_requests_inflight{'), ['http_requests_inflight{handler="v2"} 0'])
  })

  it('adds no label of its own choice', async () => {
    await using server = await serve([])
    using client = await server.connect()
    client.send('PROPFIND /1 HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n')
    await client.ending
    await server.answered
    assert.deepEqual(await server.metric('http_request_duration_seconds_count'), [
      'http_request_duration_seconds_count{handler="other",method="other",code="404"} 1',
    ])
  })

  it('is logged at debug level, cut to a bearable length, without credentials', async () => {
    await using server = await serve([{ path: '/*', handler: 'v2', handle: say('hello') }])
    const response = await fetch(server.url(`/${'a'.repeat(5000)}`), { headers: { authorization: 'Basic c2VjcmV0' } })
    assert.equal(await response.text(), 'hello')
    const [line, ...others] = await server.lines()
    assert.ok(line)
    assert.deepEqual(others, [])
    const { level, message, fields } = line
    assert.deepEqual([level, message], ['debug', 'request'])
    assert.deepEqual(
      [fields['handler'], fields['method'], fields['code'], fields['client']],
      ['v2', 'GET', 200, '127.0.0.1'],
    )
    assert.equal(fields['target'], `/${'a'.repeat(255)}`)
    assert.doesNotMatch(JSON.stringify(fields), /c2VjcmV0/)
  })

  it('is logged without the credentials of its target', async () => {
    await using server = await serve([{ path: '/*', handler: 'v2', handle: say('hello') }])
    using client = await server.connect()
    client.send(
      'GET http://user:c2VjcmV0@node/v2/?ns=a.b&token=c2VjcmV0 HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n',
    )
    await client.ending
    const [line] = await server.lines()
    assert.equal(line?.fields['target'], '/v2/?ns=a.b')
    assert.doesNotMatch(JSON.stringify(line), /c2VjcmV0/)
  })

  const busy = new DistributionError('TOOMANYREQUESTS', 'enough')
  for (const [what, handle] of Object.entries({ 'not ready': sayNotReady, busy: fail(busy) })) {
    it(`is logged at debug level where a handler chooses to answer 503 (${what})`, async () => {
      await using server = await serve([{ path: '/', handler: 'ready', handle }])
      assert.equal((await fetch(server.url('/'))).status, 503)
      assert.deepEqual(
        (await server.lines()).map(({ level }) => level),
        ['debug'],
      )
    })
  }
})
