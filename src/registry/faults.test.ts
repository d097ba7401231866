import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { Socket } from 'node:net'
import path from 'node:path'
import { describe, it } from 'node:test'
import { LayoutHand } from '../../test/contracts/layout-hand.ts'
import { MemoryLog } from '../../test/fakes/memory-log.ts'
import { seededRandom } from '../../test/fakes/seeded-random.ts'
import { ask, countResources, untilReleased } from '../../test/http/fault-rig.ts'
import { type NodeSettings, startNode } from '../../test/mirror/node-under-test.ts'
import { head, type PeerHead, ScriptedPeer } from '../../test/mirror/scripted-peer.ts'
import { noFilter } from '../../test/no-filter.ts'
import { temporaryDirectory } from '../../test/temporary-directory.ts'
import { until } from '../../test/until.ts'
import { parseRange } from '../http/range.ts'
import { digestOf } from '../oci/digest.ts'
import type { Peer } from '../routing/router.ts'
import { createOciLayout } from '../store/oci-layout/oci-layout.ts'

const COUNT = 1000
/** Clients at once. */
const CONCURRENCY = 25
/** More than the kernel takes of a client that does not read, so that writes are pending when it goes. */
const CONTENT_BYTES = 600_000
/** Clients that don't hang up, to see that all bodies are what they should be. */
const PATIENT_COUNT = 100
/** Idle connections that the peer client may keep to all peers. The thread that hashes has fewer files than these. */
const KEPT = 256
/** How often a peer breaks off. */
const CUT = 0.6

const random = seededRandom(7)
const below = (limit: number): number => Math.floor(random() * limit)
const content = Buffer.from(Array.from({ length: CONTENT_BYTES }, () => below(256)))
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')
const contentHash = sha256(content)
const stored = (): string => `/v2/team/app/blobs/${digestOf(content)}?ns=registry.example`

/** Another blob at each time; peers say of all of them that {@link content} is it. */
let blobs = 0
const another = (): string => `/v2/team/app/blobs/${digestOf(Buffer.from(`blob ${blobs++}`))}?ns=registry.example`

/** Sends what it is asked for, and breaks off in most cases, anywhere. */
function cutting({ target, headers }: PeerHead, socket: Socket): void {
  const range = parseRange(headers['range'], CONTENT_BYTES)
  const [start, status] = range.kind === 'range' ? [range.start, 206] : [0, 200]
  const body = content.subarray(start)
  const answer = Buffer.concat([
    Buffer.from(
      head(status, {
        'content-length': body.length,
        'content-type': 'application/octet-stream',
        'docker-content-digest': /sha256:[0-9a-f]+/.exec(target)?.[0] ?? '',
        ...(status === 206 ? { 'content-range': `bytes ${start}-${CONTENT_BYTES - 1}/${CONTENT_BYTES}` } : {}),
      }),
    ),
    body,
  ])
  if (random() > CUT) {
    socket.write(answer)
    return
  }
  socket.write(answer.subarray(0, below(answer.length)))
  if (random() < 0.5) socket.end()
  else socket.resetAndDestroy()
}

/** One server under the addresses of many, no two lookups find the same: who fails is not asked again for a while. */
function strangers({ registry: { port } }: ScriptedPeer): Iterable<Peer> {
  let found = 0
  return {
    *[Symbol.iterator]() {
      for (let count = 0; count < 3; count++) {
        found += 1
        yield { id: `peer-${found}`, registry: { host: `127.1.${found >> 8}.${found & 0xff}`, port } }
      }
    },
  }
}

interface Torment {
  readonly count: number
  readonly impatient: boolean
  /** What the next client asks for. */
  readonly target: () => string
}

/** Lets clients ask a node all at once, some of which hang up, and counts the bodies that were whole. */
async function torment(settings: NodeSettings, { count, impatient, target }: Torment): Promise<number> {
  await using node = await startNode({ maxUploads: CONCURRENCY, ...settings })
  const before = await countResources()
  let [left, complete] = [count, 0]
  const askOn = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      const patience = impatient ? below(CONTENT_BYTES) : Number.POSITIVE_INFINITY
      const body = await ask(node.address, { target: target(), patience, resets: random() < 0.5 })
      if (body.length === CONTENT_BYTES) {
        complete += 1
        assert.equal(sha256(body), contentHash)
      } else assert.ok(body.equals(content.subarray(0, body.length)))
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, askOn))
  const busy = ['registry', 'blob'].map(handler => `http_requests_inflight{handler="${handler}"}`)
  await until(async () => (await Promise.all(busy.map(node.metric))).every(count => count === 0))
  await until(() => node.buffers.usedBytes === 0)
  await untilReleased(before, KEPT)
  return complete
}

describe('a node', () => {
  it(`leaves nothing behind after ${COUNT} clients that hung up anywhere, whom it served from its files`, async () => {
    await using directory = await temporaryDirectory()
    const hand = await LayoutHand.open(path.join(directory.path, 'layout'))
    await hand.put(content)
    const { store } = createOciLayout({ roots: [hand.root], filter: noFilter, log: new MemoryLog() })
    const start = await countResources()
    const complete = await torment({ store }, { count: PATIENT_COUNT, impatient: false, target: stored })
    assert.equal(complete, PATIENT_COUNT)
    await torment({ store }, { count: COUNT, impatient: true, target: stored })
    await untilReleased(start)
  })

  for (const [who, impatient] of [
    ['pulls whose peers were cut', false],
    ['pulls whose peers were cut and whose clients hung up', true],
  ] as const) {
    it(`leaves nothing behind after ${COUNT} ${who} anywhere, and passes on no wrong byte`, async () => {
      const start = await countResources()
      {
        await using peer = await ScriptedPeer.start(cutting, 'cutting', { host: '0.0.0.0' })
        const complete = await torment({ peers: strangers(peer) }, { count: COUNT, impatient, target: another })
        assert.ok(peer.requests.length > COUNT, 'nothing was resumed')
        assert.ok(impatient || complete > COUNT / 2, `only ${complete} were complete`)
      }
      await untilReleased(start)
    })
  }
})
