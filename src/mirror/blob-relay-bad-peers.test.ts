import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { content, digest, setUp, target } from '../../test/mirror/blob-rig.ts'
import { startNode } from '../../test/mirror/node-under-test.ts'
import { rawExchange } from '../../test/mirror/raw-exchange.ts'
import { refusing, type Script, ScriptedPeer, serving } from '../../test/mirror/scripted-peer.ts'
import { until } from '../../test/until.ts'
import type { PeerFailure } from '../observability/metrics.ts'
import { digestOf } from '../oci/digest.ts'

const bad: readonly (readonly [string, Script, PeerFailure])[] = [
  ['lacks it by now', refusing(404), 'status'],
  ['is not let in', refusing(403), 'status'],
  ['fails', refusing(500), 'status'],
  ['is busy', refusing(503), 'busy'],
  ['redirects', refusing(307), 'status'],
  ['sends another digest', serving(content, { 'docker-content-digest': digestOf(Buffer.of()) }), 'mismatch'],
  ['sends no length', serving(content, { 'content-length': undefined }), 'reset'],
  ['sends chunks', serving(content, { 'content-length': undefined, 'transfer-encoding': 'chunked' }), 'reset'],
  ['compresses', serving(content, { 'content-encoding': 'gzip' }), 'reset'],
  ['is no HTTP server', (_, socket) => void socket.write('SSH-2.0-OpenSSH\r\n\r\n'), 'reset'],
  ['hangs up', (_, socket) => void socket.end(), 'reset'],
  ['resets the connection', (_, socket) => void socket.resetAndDestroy(), 'reset'],
  ['says nothing', () => {}, 'timeout'],
]

describe('a peer that has no good answer', () => {
  for (const [what, script, reason] of bad) {
    test(`costs nothing but time where it ${what} and another holds the blob`, async () => {
      await using env = await setUp([script, serving(content)])
      const response = await rawExchange(env.node.address, { target })
      assert.equal(response.status, 200)
      assert.ok(response.body.equals(content))
      assert.equal(response.headers['x-spegel-source'], env.peers[1]?.name)
    })

    test(`is a miss where it ${what} and no other holds the blob`, async () => {
      await using env = await setUp([script])
      const response = await rawExchange(env.node.address, { target })
      assert.equal(response.status, 404)
      assert.match(response.body.toString(), /"code":"BLOB_UNKNOWN"/)
      const { metric } = env.node
      assert.equal(await metric(`spegel_peer_failures_total{reason="${reason}"}`), 1)
      assert.equal(await metric('spegel_mirror_miss_total{reason="peers_failed"}'), 1)
      assert.equal(await metric('spegel_mirror_requests_total{registry="docker.io",cache="miss"}'), 1)
      // Any answer shows that it is there.
      assert.equal(env.node.doubted.length, reason === 'timeout' ? 1 : 0)
    })
  }

  test('is logged once, as a warning with digest and peer', async () => {
    await using env = await setUp([refusing(500)])
    await rawExchange(env.node.address, { target })
    const warnings = env.node.log.lines.filter(({ level }) => level === 'warn')
    assert.equal(warnings.length, 1)
    assert.equal(warnings[0]?.fields['peer'], env.peers[0]?.name)
    assert.equal(warnings[0]?.fields['subject'], `docker.io/library/busybox@${digest}`)
  })

  test('is no warning where its record is stale only', async () => {
    await using env = await setUp([refusing(404)])
    await rawExchange(env.node.address, { target })
    assert.deepEqual(
      env.node.log.lines.filter(({ level }) => level !== 'debug'),
      [],
    )
  })

  test('is asked no more for a while where nobody answers', async () => {
    await using env = await setUp([() => {}])
    await rawExchange(env.node.address, { target })
    const again = await rawExchange(env.node.address, { target })
    assert.equal(again.status, 404)
    assert.equal(env.peers[0]?.requests.length, 1)
  })

  test('holds up requests that come together once, and none after that, where it is dead and another is not', async () => {
    // Time stands still, so the quarantine does not end.
    await using env = await setUp([() => {}, serving(content)], { now: () => 0 })
    const requests = () => Promise.all(Array.from({ length: 4 }, () => rawExchange(env.node.address, { target })))
    for (const response of await requests()) assert.ok(response.body.equals(content))
    const timeouts = () => env.node.metric('spegel_peer_failures_total{reason="timeout"}')
    const asked = env.peers[0]?.requests.length ?? 0
    await until(async () => (await timeouts()) === asked)
    assert.ok(asked > 0)
    for (const response of await requests()) assert.ok(response.body.equals(content))
    assert.equal(env.peers[0]?.requests.length, asked)
  })

  test('is a connect failure where nobody listens, and the router is told', async () => {
    const peer = await ScriptedPeer.start(() => {})
    const gone = { id: 'gone', registry: peer.registry }
    await peer[Symbol.asyncDispose]()
    await using node = await startNode({ peers: [gone] })
    assert.equal((await rawExchange(node.address, { target })).status, 404)
    assert.equal(await node.metric('spegel_peer_failures_total{reason="connect"}'), 1)
    assert.deepEqual(node.doubted, ['gone'])
  })
})
