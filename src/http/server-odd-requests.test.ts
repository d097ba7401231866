import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { MemoryLog } from '../../test/fakes/memory-log.ts'
import { get } from '../../test/http/raw-client.ts'
import { aborted, connect, gate, serve } from '../../test/http/server-rig.ts'
import { ClientGoneError } from './errors.ts'

describe('an HTTP server, asked in odd ways', () => {
  const malformed: Readonly<Record<string, string>> = {
    'no HTTP': 'hello\r\n\r\n',
    'a TLS client hello': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    'HTTP/2 with prior knowledge': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'no Host': 'GET / HTTP/1.1\r\n\r\n',
    'NUL in the path': get('/v2/\0'),
    'a blank in the path': get('/v2/ a'),
    'a target without a slash': get('v2'),
    'two lengths': get('/', { 'content-length': '1', 'Content-Length': '2' }),
    'a length beside chunks': get('/', { 'content-length': '1', 'transfer-encoding': 'chunked' }),
    'a head of 20 KB': get('/', { 'x-long': 'a'.repeat(20_000) }),
    'a path of 20 KB': get(`/${'a'.repeat(20_000)}`),
  }
  for (const [what, bytes] of Object.entries(malformed)) {
    it(`answers ${what} with 400 and closes`, async () => {
      await using server = await serve()
      using client = await connect(server)
      client.send(bytes)
      assert.equal(await client.ending, 'fin')
      assert.match(client.received.toString(), /^HTTP\/1\.1 400 Bad Request\r\nConnection: close\r\n/)
    })
  }

  it('logs a malformed request once, at debug level', async () => {
    const log = new MemoryLog()
    await using server = await serve({ log })
    using client = await connect(server)
    client.send('hello\r\n\r\n', 'hello\r\n\r\n')
    await client.ending
    assert.deepEqual(
      log.lines.map(({ level, message }) => ({ level, message })),
      [{ level: 'debug', message: 'malformed request' }],
    )
  })

  it('ends a response in flight, with FIN, where malformed input follows its request', async () => {
    const { handler, arrived } = gate()
    await using server = await serve({ handler })
    using client = await connect(server)
    client.send(get('/'))
    const exchange = await arrived
    client.send('hello\r\n\r\n')
    assert.equal(await client.ending, 'fin')
    assert.equal(client.received.length, 0)
    client.socket.destroy()
    assert.ok((await aborted(exchange)) instanceof ClientGoneError)
  })

  it('closes on CONNECT', async () => {
    await using server = await serve()
    using client = await connect(server)
    client.send('CONNECT node:443 HTTP/1.1\r\nHost: node:443\r\n\r\n')
    assert.equal(await client.ending, 'fin')
    assert.equal(client.received.length, 0)
  })

  it('answers a request for an upgrade as if there was none', async () => {
    await using server = await serve()
    using client = await connect(server)
    client.send(get('/', { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': '' }))
    assert.match(await client.receive('>'), /^HTTP\/1\.1 200 .*<GET \/ >$/s)
  })

  for (const expect of ['100-continue', 'a miracle']) {
    it(`answers a request that expects ${expect} as any other, at once, and closes`, async () => {
      await using server = await serve()
      using client = await connect(server)
      client.send(get('/', { expect, 'content-length': '5' }))
      assert.equal(await client.ending, 'fin')
      assert.match(client.received.toString(), /^HTTP\/1\.1 200 .*\r\nconnection: close\r\n/is)
    })
  }

  it('drops a small body and keeps the connection', async () => {
    await using server = await serve()
    using client = await connect(server)
    client.send(get('/1', { 'content-length': '5' }), 'hello', get('/2'))
    assert.match(await client.receive('<GET /2 >'), /<GET \/1 >/)
  })

  it('answers in full before the FIN where a body is too large to drop', async () => {
    await using server = await serve()
    using client = await connect(server)
    const bytes = 8 * 1024 * 1024
    client.send(get('/', { 'content-length': String(bytes) }), Buffer.alloc(bytes))
    assert.equal(await client.ending, 'fin')
    assert.match(client.received.toString(), /<GET \/ >$/)
    client.socket.end()
    await once(client.socket, 'close')
  })

  it('answers in full before the FIN where chunks follow that nobody reads', async () => {
    await using server = await serve()
    using client = await connect(server)
    client.send(`PUT / HTTP/1.1\r\nHost: node\r\nTransfer-Encoding: chunked\r\n\r\n`)
    const chunk = `10000\r\n${'a'.repeat(0x10000)}\r\n`
    client.send(chunk.repeat(50))
    assert.equal(await client.ending, 'fin')
    assert.match(client.received.toString(), /<PUT \/ >$/)
  })
})
