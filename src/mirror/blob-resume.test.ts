import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { describe, test } from 'node:test'
import { RawClient } from '../../test/http/raw-client.ts'
import { content, digest, limits, rangesOnly, setUp, target } from '../../test/mirror/blob-rig.ts'
import { startNode } from '../../test/mirror/node-under-test.ts'
import { rawExchange } from '../../test/mirror/raw-exchange.ts'
import { head, type Script, ScriptedPeer, serving } from '../../test/mirror/scripted-peer.ts'
import type { PeerFailure } from '../observability/metrics.ts'
import { digestOf } from '../oci/digest.ts'

/** Sends half of the blob, then does `then`. */
function half(then: (socket: Socket) => void): Script {
  return (_, socket) => {
    socket.write(head(200, { 'content-length': content.length, 'docker-content-digest': digest }))
    socket.write(content.subarray(0, 150_000), () => then(socket))
  }
}

/** Sends the beginning of a range. */
const partOfRange: Script = (_, socket) => {
  const part = { 'content-length': 200_000, 'content-range': 'bytes 50000-249999/300000' }
  socket.write(head(206, part))
  socket.write(content.subarray(50_000, 100_000), () => socket.end())
}

/** Serves what {@link partOfRange} leaves, and never answers a request for the range itself. */
const restOfRange: Script = (request, socket) => {
  if (request.headers['range'] !== 'bytes=50000-249999') serving(content)(request, socket)
}

describe('a body that breaks off', () => {
  const breaks: readonly (readonly [string, (socket: Socket) => void, PeerFailure])[] = [
    ['with a reset', socket => void socket.resetAndDestroy(), 'reset'],
    ['with an early end', socket => void socket.end(), 'reset'],
    ['because nothing more comes', () => {}, 'stall'],
    ['because little more comes', socket => trickle(socket), 'stall'],
  ]

  for (const [how, then, reason] of breaks) {
    test(`${how} is taken up by another holder, and the client notices nothing`, async () => {
      await using env = await setUp([half(then), rangesOnly])
      const response = await rawExchange(env.node.address, { target })
      assert.equal(response.status, 200)
      assert.ok(response.body.equals(content))
      assert.equal(response.headers['x-spegel-source'], env.peers[0]?.name)
      assert.match(env.peers[1]?.requests.at(-1)?.headers['range'] ?? '', /^bytes=\d+-299999$/)
      assert.equal(await env.node.metric(`spegel_peer_failures_total{reason="${reason}"}`), 1)
    })

    test(`${how} ends with FIN where no other holds the blob, and the next request is a miss at once`, async () => {
      const begun = Promise.withResolvers<Socket>()
      await using env = await setUp([half(begun.resolve)])
      using client = await RawClient.connect(env.node.address)
      client.send(`GET ${target} HTTP/1.1\r\nhost: node\r\n\r\n`)
      // The mirror has relayed some of it before the peer fails.
      await client.receive('\r\n\r\n')
      then(await begun.promise)
      assert.equal(await client.ending, 'fin')
      const body = client.received.subarray(client.received.indexOf('\r\n\r\n') + 4)
      assert.ok(body.length < content.length)
      assert.ok(body.equals(content.subarray(0, body.length)))
      const rest = await rawExchange(env.node.address, { target, headers: { range: `bytes=${body.length}-` } })
      assert.equal(rest.status, 404)
      assert.equal(env.peers[0]?.requests.length, 1)
      assert.equal(await env.node.metric('spegel_mirror_miss_total{reason="body_broken"}'), 1)
    })
  }

  test('is taken up once, not by one peer after another, where peers stall', async () => {
    await using env = await setUp([half(() => {}), onlyRange(restWithoutBytes), rangesOnly])
    const response = await rawExchange(env.node.address, { target })
    assert.equal(response.ending, 'fin')
    assert.ok(response.body.equals(content.subarray(0, 150_000)))
    assert.deepEqual(
      env.peers.map(({ requests }) => requests.at(-1)?.headers['range']),
      [undefined, 'bytes=150000-299999', undefined],
    )
    assert.equal(await env.node.metric('spegel_peer_failures_total{reason="stall"}'), 2)
  })

  test('is taken up in the middle of the range that the client asked for', async () => {
    await using env = await setUp([partOfRange, restOfRange])
    const response = await rawExchange(env.node.address, { target, headers: { range: 'bytes=50000-249999' } })
    assert.equal(response.status, 206)
    assert.ok(response.body.equals(content.subarray(50_000, 250_000)))
  })

  const wrongRests: readonly (readonly [string, Script])[] = [
    ['another size', onlyRange(serving(Buffer.concat([content, content])))],
    ['the whole blob', onlyRange((_, socket) => void socket.write(head(200, { 'content-length': content.length })))],
    ['another digest', onlyRange(serving(content, { 'docker-content-digest': digestOf(Buffer.of()) }))],
  ]
  for (const [what, script] of wrongRests) {
    test(`is not taken up by a peer that sends ${what}, but by the next`, async () => {
      await using env = await setUp([half(socket => void socket.end()), script, rangesOnly])
      const response = await rawExchange(env.node.address, { target })
      assert.ok(response.body.equals(content))
      assert.equal(await env.node.metric('spegel_peer_failures_total{reason="reset"}'), 1)
    })
  }

  test('is a miss where it breaks off before its first byte', async () => {
    await using env = await setUp([(_, socket) => void socket.end(head(200, { 'content-length': content.length }))])
    assert.equal((await rawExchange(env.node.address, { target })).status, 404)
    assert.equal(await env.node.metric('spegel_mirror_miss_total{reason="body_broken"}'), 1)
  })

  test('does not keep a peer that has it since from being asked', async () => {
    await using fresh = await ScriptedPeer.start(serving(content), 'fresh')
    await using broken = await ScriptedPeer.start(
      half(socket => void socket.end()),
      'broken',
    )
    const peers = [broken]
    await using node = await startNode({ peers, limits })
    assert.ok((await rawExchange(node.address, { target })).body.length < content.length)
    peers.push(fresh)
    assert.ok((await rawExchange(node.address, { target })).body.equals(content))
  })
})

/** Goes on after the first half a byte at a time. */
function trickle(socket: Socket): void {
  let position = 150_000
  const timer = setInterval(() => {
    socket.write(content.subarray(position, position + 1))
    position += 1
  }, 10)
  socket.once('close', () => clearInterval(timer))
}

/** Promises the second half, and sends none of it. */
const restWithoutBytes: Script = (_, socket) => {
  socket.write(head(206, { 'content-length': 150_000, 'content-range': 'bytes 150000-299999/300000' }))
}

/** Answers requests for a range as `script` does, and no others. */
function onlyRange(script: Script): Script {
  return (request, socket) => {
    if (request.headers['range'] !== undefined) script(request, socket)
  }
}
