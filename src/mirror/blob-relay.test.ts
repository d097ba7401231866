import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { describe, test } from 'node:test'
import { get, RawClient } from '../../test/http/raw-client.ts'
import { content, digest, setUp, target } from '../../test/mirror/blob-rig.ts'
import { rawExchange } from '../../test/mirror/raw-exchange.ts'
import { head, type Script, serving } from '../../test/mirror/scripted-peer.ts'
import { until } from '../../test/until.ts'
import { digestOf } from '../oci/digest.ts'

describe('a blob that a peer holds', () => {
  test('is relayed whole, with the headers of the mirror', async () => {
    await using env = await setUp([serving(content)])
    const response = await rawExchange(env.node.address, { target, headers: { authorization: 'Basic c2VjcmV0' } })
    assert.equal(response.status, 200)
    assert.ok(response.body.equals(content))
    const { date: _, ...headers } = response.headers
    assert.deepEqual(headers, {
      'accept-ranges': 'bytes',
      connection: 'close',
      'content-length': '300000',
      'content-type': 'application/octet-stream',
      'docker-content-digest': digest,
      'oci-namespace': 'docker.io',
      'x-spegel-source': env.peers[0]?.name,
    })
  })

  test('is asked for as a peer, with the namespace and without what the client sent', async () => {
    await using env = await setUp([serving(content)])
    const headers = { authorization: 'Basic c2VjcmV0', cookie: 'a=b', range: 'bytes=0-', accept: 'x/y' }
    await rawExchange(env.node.address, { target: `/v2/docker.io/library/busybox/blobs/${digest}`, headers })
    const [request] = env.peers[0]?.requests ?? []
    const { host: _, connection: __, ...sent } = request?.headers ?? {}
    assert.equal(request?.target, target)
    assert.deepEqual(sent, { 'x-spegel-mirrored': 'true' })
  })

  test('is described to HEAD with the headers of GET, range or not', async () => {
    await using env = await setUp([serving(content)])
    const response = await rawExchange(env.node.address, { method: 'HEAD', target, headers: { range: 'bytes=5-9' } })
    assert.equal(response.status, 200)
    assert.equal(response.headers['content-length'], '300000')
    assert.equal(response.headers['docker-content-digest'], digest)
    assert.equal(response.body.length, 0)
    assert.equal(env.peers[0]?.requests[0]?.method, 'HEAD')
  })

  const ranges = [
    ['bytes=0-', 200, undefined, 0, 300_000],
    ['bytes=0-1,3-4', 200, undefined, 0, 300_000],
    ['bytes=5-9', 206, 'bytes 5-9/300000', 5, 10],
    ['bytes=299990-', 206, 'bytes 299990-299999/300000', 299_990, 300_000],
    ['bytes=0-999999', 206, 'bytes 0-299999/300000', 0, 300_000],
    ['bytes=-3', 206, 'bytes 299997-299999/300000', 299_997, 300_000],
  ] as const
  for (const [range, status, contentRange, start, end] of ranges) {
    test(`is answered ${status} to Range: ${range}`, async () => {
      await using env = await setUp([serving(content)])
      const response = await rawExchange(env.node.address, { target, headers: { range } })
      assert.equal(response.status, status)
      assert.equal(response.headers['content-range'], contentRange)
      assert.equal(response.headers['content-length'], String(end - start))
      assert.ok(response.body.equals(content.subarray(start, end)))
    })
  }

  test('has the same headers in part, whatever conditions the client sets', async () => {
    await using env = await setUp([serving(content)])
    const conditions = {
      'if-range': '"another"',
      'if-none-match': `"${digest}"`,
      'if-modified-since': new Date().toUTCString(),
    }
    const response = await rawExchange(env.node.address, { target, headers: { range: 'bytes=5-9', ...conditions } })
    assert.equal(response.status, 206)
    const { date: _, ...headers } = response.headers
    assert.deepEqual(headers, {
      'accept-ranges': 'bytes',
      connection: 'close',
      'content-length': '5',
      'content-range': 'bytes 5-9/300000',
      'content-type': 'application/octet-stream',
      'docker-content-digest': digest,
      'oci-namespace': 'docker.io',
      'x-spegel-source': env.peers[0]?.name,
    })
  })

  for (const range of ['bytes=300000-', 'bytes=-0']) {
    test(`is answered 416 to Range: ${range}, and the peer is asked again`, async () => {
      await using env = await setUp([serving(content)])
      const response = await rawExchange(env.node.address, { target, headers: { range } })
      assert.equal(response.status, 416)
      assert.equal(response.headers['content-range'], 'bytes */300000')
      assert.equal(await env.node.metric('spegel_mirror_miss_total'), 0)
      assert.equal((await rawExchange(env.node.address, { target })).status, 200)
    })
  }

  test('is counted as a hit, and by its bytes', async () => {
    await using env = await setUp([serving(content)])
    await rawExchange(env.node.address, { target })
    const { metric } = env.node
    assert.equal(await metric('spegel_mirror_requests_total{registry="docker.io",cache="hit"}'), 1)
    assert.equal(await metric('spegel_served_bytes_total{source="peer"}'), 300_000)
    assert.ok((await metric('spegel_mirror_last_success_timestamp_seconds')) > 0)
    assert.equal(await metric('http_request_duration_seconds_count{handler="mirror",method="GET",code="200"}'), 1)
  })

  test('may be empty', async () => {
    const empty = Buffer.alloc(0)
    await using env = await setUp([serving(empty)])
    const response = await rawExchange(env.node.address, { target: `/v2/a/blobs/${digestOf(empty)}?ns=docker.io` })
    assert.deepEqual([response.status, response.headers['content-length'], response.body.length], [200, '0', 0])
  })
})

describe('clients without number', () => {
  test('are sent on where 128 bodies are relayed already, until one of those is done', async () => {
    await using env = await setUp([() => {}], { limits: {} })
    const clients = await Promise.all(Array.from({ length: 128 }, () => RawClient.connect(env.node.address)))
    for (const client of clients) client.send(get(target))
    await until(() => env.peers[0]?.requests.length === 128)
    const refused = await rawExchange(env.node.address, { target })
    assert.equal(refused.status, 404)
    assert.match(refused.body.toString(), /"reason":"busy"/)
    clients[0]?.socket.destroy()
    for (const peer of env.peers) peer.script = serving(content)
    await until(async () => (await rawExchange(env.node.address, { target })).status === 200)
    for (const client of clients) client.socket.destroy()
  })
})

describe('a client that hangs up', () => {
  test('ends the request to the peer, which is not blamed', async () => {
    const begun = Promise.withResolvers<Socket>()
    const script: Script = (_, socket) => {
      socket.write(head(200, { 'content-length': content.length }))
      socket.write(content.subarray(0, 1000), () => begun.resolve(socket))
    }
    await using env = await setUp([script], { limits: {} })
    const client = await RawClient.connect(env.node.address)
    client.send(`GET ${target} HTTP/1.1\r\nhost: node\r\n\r\n`)
    const socket = await begun.promise
    await client.receive('\r\n\r\n')
    client.socket.destroy()
    await once(socket, 'close')
    assert.equal(await env.node.metric('spegel_peer_failures_total{reason="reset"}'), 0)
  })
})
