import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { describe, test } from 'node:test'
import { RawClient } from '../../test/http/raw-client.ts'
import { content, digest, limits, target } from '../../test/mirror/blob-rig.ts'
import { inBurst, UPSTREAM } from '../../test/mirror/burst-rig.ts'
import { rawExchange } from '../../test/mirror/raw-exchange.ts'
import { head, type PeerHead, refusing, type Script, ScriptedPeer, serving } from '../../test/mirror/scripted-peer.ts'
import type { ClaimRequest, Verdict } from '../coalesce/claimant.ts'
import { digestOf } from '../oci/digest.ts'

const HALF = content.length / 2

/** Sends half of the blob, then does `then`. */
function half(then: (socket: Socket) => void): Script {
  return (_, socket) => {
    socket.write(head(200, { 'content-length': content.length, 'docker-content-digest': digest }))
    socket.write(content.subarray(0, HALF), () => then(socket))
  }
}

describe('a request for a blob that nobody has', () => {
  test('is answered by the peer that is fetching it, which is asked for what it has not whole yet', async () => {
    await using at = await inBurst([serving(content)])
    const response = await at.get()
    assert.equal(response.status, 200)
    assert.ok(response.body.equals(content))
    assert.equal(response.headers['x-spegel-source'], at.parents[0]?.name)
    const asked = at.parents[0]?.requests[0]
    assert.equal(asked?.headers['x-spegel-mirrored'], 'true')
    assert.equal(asked?.headers['x-spegel-in-progress'], 'true')
    assert.equal(await at.node.metric('spegel_served_bytes_total{source="in_progress"}'), content.length)
    assert.equal(await at.node.metric('spegel_served_bytes_total{source="peer"}'), 0)
    assert.deepEqual(await at.outcomes(), { followed: 1 })
  })

  test('is a miss at once where this node is to fetch it', async () => {
    await using at = await inBurst([])
    assert.equal((await at.get()).status, 404)
    assert.equal((await at.get()).status, 404)
    assert.equal(at.claims.length, 2)
    assert.deepEqual(await at.outcomes(), { granted: 2 })
  })

  test('claims nothing where it is HEAD, or for content that this node is not pulling', async () => {
    await using at = await inBurst([serving(content)])
    assert.equal((await rawExchange(at.node.address, { method: 'HEAD', target })).status, 404)
    const other = target.replace(digest, digestOf(Buffer.from('other')))
    assert.equal((await rawExchange(at.node.address, { target: other })).status, 404)
    const tag = '/v2/library/busybox/manifests/1.37?ns=docker.io'
    assert.equal((await rawExchange(at.node.address, { target: tag })).status, 404)
    assert.deepEqual(at.claims, [])
  })

  test('that asks for a range is answered with it', async () => {
    await using at = await inBurst([serving(content)])
    const response = await at.get({ range: 'bytes=1000-' })
    assert.equal(response.status, 206)
    assert.ok(response.body.equals(content.subarray(1000)))
    assert.equal(at.claims[0]?.offset, 1000)
  })

  for (const [what, script, fault] of [
    ['can not be reached', (_, socket) => void socket.resetAndDestroy(), 'lost'],
    ['has nothing of it', refusing(404), 'lost'],
    ['has other content', serving(content, { 'docker-content-digest': digestOf(Buffer.from('x')) }), 'lost'],
    ['has enough to do', refusing(503), 'behind'],
    ['has less than is asked for', tooShort, 'behind'],
  ] as const satisfies readonly (readonly [string, Script, string])[]) {
    test(`comes from another where the first ${what}, which is told as ${fault}`, async () => {
      await using at = await inBurst([script, serving(content)])
      const { body } = await at.get({ range: 'bytes=1000-' })
      assert.ok(body.equals(content.subarray(1000)))
      const { lost = [], stalled = [], behind = [] } = at.claims[1] ?? {}
      assert.deepEqual({ lost: [], stalled, behind: [], [fault]: ['parent0'] }, { lost, stalled, behind })
      assert.deepEqual(await at.outcomes(), { followed: 1, moved: 1 })
    })
  }

  test('comes from another where the first sends no head in time, which is told as stalled and not taken for dead', async () => {
    await using at = await inBurst([() => {}, serving(content)])
    assert.ok((await at.get()).body.equals(content))
    assert.deepEqual(at.claims[1]?.stalled, ['parent0'])
    assert.deepEqual(at.node.doubted, [])
  })

  test('is a miss after some claims, however many peers are fetching it, and the next one at once', async () => {
    await using at = await inBurst(Array.from({ length: 8 }, () => refusing(404)))
    assert.equal((await at.get()).status, 404)
    const { length } = at.claims
    assert.ok(length < 8)
    assert.equal((await at.get()).status, 404)
    assert.equal(at.claims.length, length)
    assert.deepEqual(await at.outcomes(), { followed: 1, moved: length - 1, given_up: 1 })
  })

  test('is a miss where a peer does not answer for as long as a request may wait', async () => {
    await using at = await inBurst([() => {}], { coalesceWaitMs: 100 })
    assert.equal((await at.get()).status, 404)
    assert.ok(at.claims.length <= 2)
  })

  test('is a miss where nobody answers its claim for as long as it may wait', async () => {
    await using at = await inBurst([], { claim: unanswered, coalesceWaitMs: 50 })
    assert.equal((await at.get()).status, 404)
    assert.deepEqual(await at.outcomes(), { alone: 1 })
  })
})

describe('a body of a peer that is fetching it too', () => {
  for (const [how, then, fault] of [
    ['breaks off', socket => void socket.end(), 'lost'],
    ['is reset', socket => void socket.resetAndDestroy(), 'lost'],
  ] as const satisfies readonly (readonly [string, (socket: Socket) => void, string])[]) {
    test(`that ${how} is taken up by another, and the client notices nothing`, async () => {
      await using at = await inBurst([half(then), serving(content)])
      const response = await at.get()
      assert.equal(response.status, 200)
      assert.ok(response.body.equals(content))
      assert.deepEqual(at.claims[1]?.[fault], ['parent0'])
      const offset = at.claims[1]?.offset ?? 0
      assert.ok(offset > 0 && offset <= HALF)
      assert.equal(at.parents[1]?.requests[0]?.headers['range'], `bytes=${offset}-${content.length - 1}`)
      assert.equal(await at.node.metric('spegel_served_bytes_total{source="in_progress"}'), content.length)
    })
  }

  test('that stalls is taken up by another after a second more than usual, and its peer is told as stalled', async () => {
    await using at = await inBurst([half(() => {}), serving(content)])
    assert.ok((await at.get()).body.equals(content))
    assert.deepEqual(at.claims[1]?.stalled, ['parent0'])
    const failure = at.node.log.lines.find(({ message }) => message === 'request to peer failed')
    assert.match(String(failure?.fields['error']), /in 1250 ms/)
  })

  for (const [how, then] of [
    ['breaks off', socket => void socket.end()],
    ['stalls', () => {}],
  ] as const satisfies readonly (readonly [string, (socket: Socket) => void])[]) {
    test(`that ${how} is not held against its peer, which may only pass it on`, async () => {
      const holders: ScriptedPeer[] = []
      await using at = await inBurst([half(then), serving(content)], { peers: holders })
      assert.ok((await at.get()).body.equals(content))
      const [parent] = at.parents
      assert.ok(parent !== undefined)
      parent.script = serving(content)
      holders.push(parent)
      const { headers, body } = await at.get()
      assert.ok(body.equals(content))
      assert.equal(headers['x-spegel-source'], parent.name)
      assert.equal(at.claims.length, 2)
    })
  }

  test('is not waited for again and again where peers stall in turn', async () => {
    await using at = await inBurst([half(() => {}), stalling, stalling, stalling])
    const { body, ending } = await at.get()
    assert.equal(body.length, HALF)
    assert.equal(ending, 'fin')
    assert.equal(at.claims.length, 2)
  })

  test('of which nothing comes ends where a download of this node has yet to begin, and is asked for again after', async () => {
    const granted = digestOf(Buffer.from('granted'))
    await using parent = await ScriptedPeer.start(silent, 'parent')
    const claim = async (request: ClaimRequest): Promise<Verdict> =>
      request.digest === granted ? UPSTREAM : { kind: 'follow', parents: [parent], depth: 1 }
    await using at = await inBurst([], { claim, limits: { ...limits, stall: { ...limits.stall, windowMs: 30_000 } } })
    at.node.store.begin(granted, 1)
    assert.equal((await rawExchange(at.node.address, { target: target.replace(digest, granted) })).status, 404)
    const { status, body, ending } = await at.get()
    assert.deepEqual([status, body.length, ending], [200, 0, 'fin'])
    parent.script = serving(content)
    assert.ok((await at.get()).body.equals(content))
    assert.equal(parent.requests.length, 2)
  })

  test('is taken up by a peer that has all of it by then, without another claim', async () => {
    await using holder = await ScriptedPeer.start(serving(content), 'holder')
    const holders: ScriptedPeer[] = []
    const left = Promise.withResolvers<Socket>()
    await using at = await inBurst([half(left.resolve)], { peers: holders })
    const asked = at.get()
    const socket = await left.promise
    holders.push(holder)
    socket.end()
    assert.ok((await asked).body.equals(content))
    assert.equal(at.claims.length, 1)
    assert.equal(await at.node.metric('spegel_served_bytes_total{source="peer"}'), HALF)
  })

  test('ends with FIN where nobody is left, and what is asked next is a miss without a claim', async () => {
    await using at = await inBurst([half(socket => void socket.end())])
    using client = await RawClient.connect(at.node.address)
    client.send(`GET ${target} HTTP/1.1\r\nhost: node\r\n\r\n`)
    assert.equal(await client.ending, 'fin')
    const body = client.received.subarray(client.received.indexOf('\r\n\r\n') + 4)
    assert.ok(body.equals(content.subarray(0, HALF)))
    assert.equal((await at.get({ range: `bytes=${HALF}-` })).status, 404)
    assert.equal(at.claims.length, 2)
    assert.deepEqual(await at.outcomes(), { followed: 1, granted: 1 })
  })

  test('outlives more peers than may be tried of those that have all of it', async () => {
    const large = Buffer.alloc(5 * 1024 * 1024, content)
    const name = digestOf(large)
    const breaking: Script = ({ headers }, socket) => {
      const start = Number(/^bytes=(\d+)-/.exec(headers['range'] ?? '')?.[1] ?? 0)
      const rest = { 'content-range': `bytes ${start}-${large.length - 1}/${large.length}` }
      socket.write(head(start > 0 ? 206 : 200, { 'content-length': large.length - start, ...(start > 0 && rest) }))
      socket.end(large.subarray(start, start + 1024 * 1024))
    }
    await using at = await inBurst([breaking, breaking, breaking, breaking, breaking])
    at.node.store.begin(name, large.length)
    const { body } = await rawExchange(at.node.address, { target: target.replace(digest, name) })
    assert.ok(body.equals(large))
    assert.equal(at.claims.length, 5)
  })
})

/** Says what a peer says that has not come as far yet. */
function tooShort(_: unknown, socket: Socket): void {
  socket.write(head(416, { 'content-range': `bytes */${content.length}`, 'content-length': 0 }))
}

/** Sends the head for the blob, and nothing of it. */
function silent(_: unknown, socket: Socket): void {
  socket.write(head(200, { 'content-length': content.length, 'docker-content-digest': digest }))
}

/** Sends the head for the rest of the blob, and nothing of it. */
function stalling({ headers }: PeerHead, socket: Socket): void {
  const start = Number(/^bytes=(\d+)-/.exec(headers['range'] ?? '')?.[1] ?? 0)
  const rest = { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` }
  socket.write(head(206, { 'content-length': content.length - start, ...rest }))
}

/** A claim that nobody answers. */
function unanswered(_: ClaimRequest, { signal }: { readonly signal: AbortSignal }): Promise<Verdict> {
  const { promise, reject } = Promise.withResolvers<Verdict>()
  signal.addEventListener('abort', () => reject(signal.reason))
  return promise
}
