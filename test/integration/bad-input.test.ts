import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { type Cluster, startCluster } from './cluster.ts'
import { RawRequest } from './raw-request.ts'
import type { RegistryProcess } from './registry-process.ts'

const HOST = '127.0.0.1'
const LAYER_BYTES = 1000
const HALF_OPEN_CONNECTIONS = 5000
/** Requests of the good client while the half-open connections stand, each on a connection of its own. */
const GOOD_REQUESTS = 200

describe('a node that is asked for nonsense', () => {
  let cluster: Cluster
  let node: RegistryProcess

  before(async () => {
    cluster = await startCluster({
      hosts: [HOST],
      holders: [HOST],
      layerBytes: LAYER_BYTES,
      flags: ['--log-level=DEBUG'],
    })
    node = cluster.node(HOST)
  })
  after(async () => await cluster[Symbol.asyncDispose]())

  const hex = 'a'.repeat(64)
  const paths: readonly {
    readonly what: string
    readonly target: string
    readonly status: number
    readonly code: string
  }[] = [
    { what: 'a parent directory', target: '/v2/../manifests/x?ns=r.example', status: 400, code: 'NAME_INVALID' },
    {
      what: 'an encoded parent directory',
      target: '/v2/%2e%2e/manifests/x?ns=r.example',
      status: 400,
      code: 'NAME_INVALID',
    },
    { what: 'an encoded slash', target: '/v2/a%2fb/manifests/x?ns=r.example', status: 400, code: 'NAME_INVALID' },
    {
      what: 'a name of 10 KB',
      target: `/v2/${'a'.repeat(10_000)}/manifests/x?ns=r.example`,
      status: 400,
      code: 'NAME_INVALID',
    },
    {
      what: 'an unknown algorithm',
      target: `/v2/a/blobs/md5:${hex}?ns=r.example`,
      status: 400,
      code: 'DIGEST_INVALID',
    },
    { what: 'a short digest', target: '/v2/a/blobs/sha256:abc?ns=r.example', status: 400, code: 'DIGEST_INVALID' },
    { what: 'an encoded NUL', target: '/v2/a%00/manifests/x?ns=r.example', status: 400, code: 'NAME_INVALID' },
    { what: 'a broken escape', target: '/v2/a%zz/manifests/x?ns=r.example', status: 400, code: 'NAME_INVALID' },
    { what: 'an upper-case name', target: '/v2/Team/manifests/x?ns=r.example', status: 400, code: 'NAME_INVALID' },
    { what: 'an empty segment', target: '/v2/a//b/manifests/x?ns=r.example', status: 400, code: 'NAME_INVALID' },
    {
      what: 'a registry with a path',
      target: '/v2/a/manifests/x?ns=r.example/evil',
      status: 400,
      code: 'NAME_INVALID',
    },
    {
      what: 'two registries',
      target: '/v2/a/manifests/x?ns=r.example&ns=q.example',
      status: 400,
      code: 'NAME_INVALID',
    },
    { what: 'no registry', target: '/v2/team/app/manifests/x', status: 404, code: 'NAME_UNKNOWN' },
    { what: 'an impossible tag', target: '/v2/a/manifests/.x?ns=r.example', status: 404, code: 'MANIFEST_UNKNOWN' },
    { what: 'an unknown blob', target: `/v2/a/blobs/sha256:${hex}?ns=r.example`, status: 404, code: 'BLOB_UNKNOWN' },
    { what: 'an unknown endpoint', target: '/v2/a/tags/list?ns=r.example', status: 404, code: 'UNSUPPORTED' },
    { what: 'another path', target: '/etc/passwd', status: 404, code: 'UNSUPPORTED' },
  ]
  for (const { what, target, status, code } of paths) {
    test(`answers ${what} with ${status} ${code} and logs it in one line`, async () => {
      const result = await RawRequest.get(node.url, target).result
      assert.equal(result.status, status)
      assert.equal(JSON.parse(result.body).errors[0].code, code)
      assert.equal(result.ending, 'fin')
      const logged = (): readonly unknown[] =>
        node.log.filter(line => isRequestFor(line, target)).map(({ code }) => code)
      await until(() => logged().length > 0)
      assert.deepEqual(logged(), [status])
    })
  }

  const ranges = [
    { range: `bytes=${LAYER_BYTES}-`, status: 416 },
    { range: 'bytes=-0', status: 416 },
    { range: 'bytes=99999999999999999999-', status: 416 },
    { range: 'bytes=5-2', status: 200 },
    { range: 'bytes=0-1,4-5', status: 200 },
    { range: `bytes=${'9'.repeat(4000)}-`, status: 416 },
    { range: 'lines=1-2', status: 200 },
  ]
  for (const { range, status } of ranges) {
    test(`answers Range: ${range.slice(0, 40)} with ${status}`, async () => {
      const target = cluster.target('blobs', cluster.image.layer.digest)
      const result = await RawRequest.get(node.url, target, { Range: range }).result
      assert.equal(result.status, status)
      if (status === 416) assert.equal(result.headers.get('content-range'), `bytes */${LAYER_BYTES}`)
      else assert.equal(result.bodyDigest, cluster.image.layer.digest)
    })
  }

  const heads: readonly { readonly what: string; readonly head: string; readonly status: number }[] = [
    { what: 'a method nobody knows', head: 'BREW /v2/ HTTP/1.1\r\nHost: a\r\n\r\n', status: 400 },
    {
      what: 'POST',
      head: 'POST /v2/ HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n',
      status: 405,
    },
    { what: 'a head of 64 KB', head: `GET /v2/ HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(65_536)}\r\n\r\n`, status: 400 },
    { what: 'no HTTP at all', head: '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', status: 400 },
    { what: 'a raw NUL in the path', head: 'GET /v2/\0 HTTP/1.1\r\nHost: a\r\n\r\n', status: 400 },
  ]
  for (const { what, head, status } of heads) {
    test(`answers ${what} with ${status}`, async () => {
      assert.equal((await new RawRequest(node.url, head).result).status, status)
    })
  }

  test('serves a good client while 5,000 connections send half a request head', async () => {
    const sockets = await openHalf(node.url, HALF_OPEN_CONNECTIONS)
    try {
      const target = cluster.target('blobs', cluster.image.layer.digest)
      for (let count = 0; count < GOOD_REQUESTS; count++) {
        assert.equal((await RawRequest.get(node.url, target).result).bodyDigest, cluster.image.layer.digest)
      }
    } finally {
      for (const socket of sockets) socket.destroy()
    }
  })

  test('is still up after all that', async () => {
    assert.equal((await fetch(`${node.url}/readyz`)).status, 200)
    assert.ok(node.running)
    assert.deepEqual(
      node.log.filter(line => line['level'] === 'ERROR'),
      [],
    )
  })
})

/** Opens connections that each send the beginning of a head and then nothing. */
async function openHalf(url: string, count: number): Promise<readonly Socket[]> {
  const { hostname, port } = new URL(url)
  const sockets: Socket[] = []
  const batch = 500
  while (sockets.length < count) {
    const opened = Array.from({ length: batch }, () => connect({ host: hostname, port: Number(port) }))
    sockets.push(...opened)
    await Promise.all(
      opened.map(async socket => {
        await once(socket, 'connect')
        // The server may cut it at any time.
        socket.on('error', () => socket.destroy())
        socket.write('GET /v2/ HTTP/1.1\r\nHost: mirr')
      }),
    )
  }
  return sockets
}

/** Whether a log line is that of a request for `target`, of which a line holds the beginning. */
function isRequestFor(line: Readonly<Record<string, unknown>>, target: string): boolean {
  const logged = line['target']
  return line['msg'] === 'request' && typeof logged === 'string' && logged.slice(0, 100) === target.slice(0, 100)
}

/** Waits for what the process under test writes: its log arrives through a pipe, after the response. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(resolve => setImmediate(resolve))
}
