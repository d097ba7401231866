import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { describe, test } from 'node:test'
import { RawClient } from '../../test/http/raw-client.ts'
import { content, digest, limits, target } from '../../test/mirror/blob-rig.ts'
import { type NodeSettings, startNode } from '../../test/mirror/node-under-test.ts'
import { rawExchange } from '../../test/mirror/raw-exchange.ts'
import { head, type PeerHead, refusing, type Script, ScriptedPeer, serving } from '../../test/mirror/scripted-peer.ts'
import type { ClaimRequest, Verdict } from '../coalesce/claimant.ts'
import { COALESCE_OUTCOMES } from '../observability/metrics.ts'
import { digestOf } from '../oci/digest.ts'
import { OCI_MANIFEST } from '../oci/media-type.ts'

const UPSTREAM: Verdict = { kind: 'upstream', coordinated: true }
const HALF = content.length / 2

/** Sends half of the blob, then does `then`. */
function half(then: (socket: Socket) => void): Script {
  return (_, socket) => {
    socket.write(head(200, { 'content-length': content.length, 'docker-content-digest': digest }))
    socket.write(content.subarray(0, HALF), () => then(socket))
  }
}

/**
 * A node whose own containerd is pulling the blob, that nobody advertises, and that is sent to `scripts` one after the
 * other, then upstream.
 */
async function inBurst(scripts: readonly Script[], settings: NodeSettings = {}) {
  const stack = new AsyncDisposableStack()
  const parents: ScriptedPeer[] = []
  for (const [index, script] of scripts.entries()) {
    parents.push(stack.use(await ScriptedPeer.start(script, `parent${index}`)))
  }
  const claims: ClaimRequest[] = []
  const claim = async (request: ClaimRequest): Promise<Verdict> => {
    const parent = parents[claims.length]
    claims.push(request)
    return parent === undefined ? UPSTREAM : { kind: 'follow', parents: [parent], depth: 1 }
  }
  const node = stack.use(await startNode({ limits, claim, ...settings }))
  node.store.begin(digest, content.length)
  return {
    parents,
    claims,
    node,
    get: (headers: Readonly<Record<string, string>> = {}) => rawExchange(node.address, { target, headers }),
    outcomes: async () => {
      const counts: Record<string, number> = {}
      for (const outcome of COALESCE_OUTCOMES) {
        const count = await node.metric(`spegel_coalesce_total{outcome="${outcome}"}`)
        if (count > 0) counts[outcome] = count
      }
      return counts
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
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

describe('a request for a manifest that nobody has', () => {
  const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, config: {}, layers: [] }))
  const name = digestOf(manifest)
  const asked = { target: `/v2/library/busybox/manifests/${name}?ns=docker.io` }
  const good = serving(manifest, { 'content-type': OCI_MANIFEST })

  test('is answered by the peer that is fetching it', async () => {
    await using at = await inBurst([good])
    at.node.store.begin(name, manifest.length)
    const response = await rawExchange(at.node.address, asked)
    assert.ok(response.body.equals(manifest))
    assert.equal(await at.node.metric('spegel_served_bytes_total{source="in_progress"}'), manifest.length)
  })

  test('is answered by another where what the first sends is not the manifest', async () => {
    const wrong = Buffer.from(manifest.toString().replace('2', '3'))
    const lying = serving(wrong, { 'content-type': OCI_MANIFEST, 'docker-content-digest': name })
    await using at = await inBurst([lying, good])
    at.node.store.begin(name, manifest.length)
    assert.ok((await rawExchange(at.node.address, asked)).body.equals(manifest))
    assert.deepEqual(at.claims[1]?.lost, ['parent0'])
  })

  test('is a miss where all that is sent is not the manifest', async () => {
    const lying = serving(Buffer.alloc(manifest.length, ' '), {
      'content-type': OCI_MANIFEST,
      'docker-content-digest': name,
    })
    await using at = await inBurst([lying, lying])
    at.node.store.begin(name, manifest.length)
    assert.equal((await rawExchange(at.node.address, asked)).status, 404)
  })
})

/** Says what a peer says that has not come as far yet. */
function tooShort(_: unknown, socket: Socket): void {
  socket.write(head(416, { 'content-range': `bytes */${content.length}`, 'content-length': 0 }))
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
