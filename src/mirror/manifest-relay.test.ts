import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { sampleImage } from '../../test/contracts/sample-image.ts'
import { get, RawClient } from '../../test/http/raw-client.ts'
import { type NodeSettings, startNode } from '../../test/mirror/node-under-test.ts'
import { rawExchange } from '../../test/mirror/raw-exchange.ts'
import { head, refusing, type Script, ScriptedPeer, serving } from '../../test/mirror/scripted-peer.ts'
import { until } from '../../test/until.ts'
import type { PeerFailure } from '../observability/metrics.ts'
import { digestOf } from '../oci/digest.ts'
import { MAX_MANIFEST_BYTES, OCI_MANIFEST } from '../oci/media-type.ts'

const image = sampleImage()
const { content } = image.manifest
const digest = digestOf(content)
const byTag = '/v2/library/busybox/manifests/1.37?ns=docker.io'
const byDigest = `/v2/library/busybox/manifests/${digest}?ns=docker.io`
const good = serving(content, { 'content-type': OCI_MANIFEST })
const otherDigest = digestOf(Buffer.of())

const limits = { headersTimeoutMs: 500, manifestTimeoutMs: 250 }

async function setUp(scripts: readonly Script[], settings: NodeSettings = {}) {
  const stack = new AsyncDisposableStack()
  const peers: ScriptedPeer[] = []
  for (const [index, script] of scripts.entries()) {
    peers.push(stack.use(await ScriptedPeer.start(script, `peer${index}`)))
  }
  const node = stack.use(await startNode({ peers, limits, ...settings }))
  return { peers, node, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

describe('a manifest that a peer holds', () => {
  for (const [name, target] of Object.entries({ 'a tag': byTag, 'its digest': byDigest })) {
    for (const method of ['GET', 'HEAD'] as const) {
      test(`is answered to ${method} by ${name}, whatever range is asked for`, async () => {
        await using env = await setUp([good])
        const response = await rawExchange(env.node.address, { method, target, headers: { range: 'bytes=5-' } })
        assert.equal(response.status, 200)
        assert.ok(response.body.equals(method === 'GET' ? content : Buffer.of()))
        const { date: _, ...headers } = response.headers
        assert.deepEqual(headers, {
          'accept-ranges': 'none',
          connection: 'close',
          'content-length': String(content.length),
          'content-type': OCI_MANIFEST,
          'docker-content-digest': digest,
          'oci-namespace': 'docker.io',
          'x-spegel-source': env.peers[0]?.name,
        })
        const [request] = env.peers[0]?.requests ?? []
        assert.equal(request?.method, method)
        assert.equal(request?.target, target)
        assert.equal(request?.headers['range'], undefined)
        assert.equal(request?.headers['x-spegel-mirrored'], 'true')
        assert.equal(await env.node.metric('spegel_mirror_requests_total{registry="docker.io",cache="hit"}'), 1)
      })
    }
  }

  test('has the media type that its content tells, not what the peer says', async () => {
    await using env = await setUp([serving(content, { 'content-type': 'text/html' })])
    const response = await rawExchange(env.node.address, { target: byDigest })
    assert.equal(response.headers['content-type'], OCI_MANIFEST)
  })

  test('is good by digest from a peer that sends no digest', async () => {
    await using env = await setUp([
      serving(content, { 'content-type': OCI_MANIFEST, 'docker-content-digest': undefined }),
    ])
    assert.ok((await rawExchange(env.node.address, { target: byDigest })).body.equals(content))
  })

  test('is counted by its bytes', async () => {
    await using env = await setUp([good])
    await rawExchange(env.node.address, { target: byDigest })
    assert.equal(await env.node.metric('spegel_served_bytes_total{source="peer"}'), content.length)
  })

  test('has what it refers to looked up as it passes through', async () => {
    await using env = await setUp([good])
    await rawExchange(env.node.address, { target: byTag })
    const children = [image.config, ...image.layers].map(part => digestOf(part.content))
    assert.deepEqual(env.node.lookups, ['docker.io/library/busybox:1.37', ...children])
  })

  test('is looked up without its children for HEAD', async () => {
    await using env = await setUp([good])
    await rawExchange(env.node.address, { method: 'HEAD', target: byTag })
    assert.deepEqual(env.node.lookups, ['docker.io/library/busybox:1.37'])
  })
})

const other = Buffer.from(content.toString().replace('layers', 'Layers'))
const json = Buffer.from('{"hello":"world"}')
const whole = { 'content-length': content.length, 'content-type': OCI_MANIFEST, 'docker-content-digest': digest }

/** What a peer does, the script, the failure it is counted as, the target. */
const bad: readonly (readonly [string, Script, PeerFailure, string])[] = [
  ['lacks it', refusing(404), 'status', byDigest],
  [
    'sends other content',
    serving(other, { 'docker-content-digest': digest, 'content-type': OCI_MANIFEST }),
    'mismatch',
    byDigest,
  ],
  [
    'sends other content for a tag',
    serving(other, { 'docker-content-digest': digest, 'content-type': OCI_MANIFEST }),
    'mismatch',
    byTag,
  ],
  ['admits that it sends something else', serving(other, { 'content-type': OCI_MANIFEST }), 'mismatch', byDigest],
  [
    'tells no digest of a tag',
    serving(content, { 'content-type': OCI_MANIFEST, 'docker-content-digest': undefined }),
    'mismatch',
    byTag,
  ],
  ['tells no media type', serving(content, { 'content-type': undefined }), 'mismatch', byTag],
  [
    'sends an endless one',
    (_, socket) => void socket.write(head(200, { ...whole, 'content-length': MAX_MANIFEST_BYTES + 1 })),
    'mismatch',
    byDigest,
  ],
  ['sends a part of it', (_, socket) => void socket.end(`${head(200, whole)}{`), 'reset', byDigest],
  ['sends a byte at a time', (_, socket) => trickle(socket), 'stall', byDigest],
  ['says nothing', () => {}, 'timeout', byTag],
]

describe('a peer that has no good manifest', () => {
  for (const [what, script, reason, target] of bad) {
    test(`costs nothing but time where it ${what} and another holds it`, async () => {
      await using env = await setUp([script, good])
      const response = await rawExchange(env.node.address, { target })
      assert.equal(response.status, 200)
      assert.ok(response.body.equals(content))
      assert.equal(response.headers['x-spegel-source'], env.peers[1]?.name)
    })

    test(`is a miss where it ${what} and no other holds it`, async () => {
      await using env = await setUp([script])
      const response = await rawExchange(env.node.address, { target })
      assert.equal(response.status, 404)
      assert.match(response.body.toString(), /"code":"MANIFEST_UNKNOWN"/)
      assert.equal(await env.node.metric(`spegel_peer_failures_total{reason="${reason}"}`), 1)
    })
  }

  test('is one that comes when manifests take as much memory as they may, until one of those is done', async () => {
    const largest = { ...whole, 'content-length': MAX_MANIFEST_BYTES }
    const asked = Promise.withResolvers<void>()
    await using env = await setUp(
      [
        (_, socket) => {
          socket.write(head(200, largest))
          if (env.peers[0]?.requests.length === 4) asked.resolve()
        },
      ],
      { limits: {} },
    )
    const clients = await Promise.all(Array.from({ length: 4 }, () => RawClient.connect(env.node.address)))
    for (const client of clients) client.send(get(byDigest))
    await asked.promise
    const warnings = () => env.node.log.lines.filter(({ message }) => message === 'no memory left for a manifest')
    while (warnings().length === 0)
      assert.equal((await rawExchange(env.node.address, { target: byDigest })).status, 404)
    for (const client of clients) client.socket.destroy()
    for (const peer of env.peers) peer.script = good
    await until(async () => (await rawExchange(env.node.address, { target: byDigest })).status === 200)
  })

  test('is one that serves content which is no manifest, even under the right digest', async () => {
    await using env = await setUp([serving(json, { 'content-type': OCI_MANIFEST })])
    const target = `/v2/library/busybox/manifests/${digestOf(json)}?ns=docker.io`
    assert.equal((await rawExchange(env.node.address, { target })).status, 404)
  })

  const heads: readonly (readonly [string, Script])[] = [
    ['the digest', serving(content, { 'content-type': OCI_MANIFEST, 'docker-content-digest': undefined })],
    ['the length', serving(content, { 'content-type': OCI_MANIFEST, 'content-length': undefined })],
    ['the media type', serving(content, { 'content-type': undefined })],
  ]
  for (const [what, script] of heads) {
    test(`is one whose answer to HEAD by tag lacks ${what}`, async () => {
      await using env = await setUp([script])
      assert.equal((await rawExchange(env.node.address, { method: 'HEAD', target: byTag })).status, 404)
      assert.equal(await env.node.metric('spegel_peer_failures_total{reason="mismatch"}'), 1)
    })
  }

  test('is one whose answer to HEAD by digest names another digest', async () => {
    await using env = await setUp([
      serving(content, { 'content-type': OCI_MANIFEST, 'docker-content-digest': otherDigest }),
    ])
    assert.equal((await rawExchange(env.node.address, { method: 'HEAD', target: byDigest })).status, 404)
  })
})

/** Sends a byte of the manifest every few milliseconds, so that it would take longer than a client may be held. */
function trickle(socket: Parameters<Script>[1]): void {
  let position = 0
  socket.write(head(200, whole))
  const timer = setInterval(() => {
    socket.write(content.subarray(position, position + 1))
    position += 1
  }, 5)
  socket.once('close', () => clearInterval(timer))
}
