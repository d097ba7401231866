import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { describe, it } from 'node:test'
import { MemoryLog } from '../../test/fakes/memory-log.ts'
import { seededRandom } from '../../test/fakes/seeded-random.ts'
import { ask, countResources, untilReleased } from '../../test/http/fault-rig.ts'
import { until } from '../../test/until.ts'
import { sendBody } from './body.ts'
import { BufferPool } from './buffer-pool.ts'
import { createPooledPeerClient } from './pooled-peer-client.ts'
import { startHttpServer } from './server.ts'

const COUNT = 1000
/** Clients at once. */
const CONCURRENCY = 25
/** More than the kernel takes of a client that does not read, so that writes are pending when it goes. */
const CONTENT_BYTES = 600_000
/** Connections that the peer client may keep to one peer. */
const KEPT = 8

const random = seededRandom(6)
const below = (limit: number): number => Math.floor(random() * limit)
const content = Buffer.from(Array.from({ length: CONTENT_BYTES }, () => below(256)))
const answer = Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${CONTENT_BYTES}\r\n\r\n`), content])
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')
const contentHash = sha256(content)

/** A peer that, if it `cuts`, breaks off most of its answers anywhere, and a node that relays what it gives. */
async function startRelay({ cuts }: { readonly cuts: boolean }) {
  await using stack = new AsyncDisposableStack()
  const sockets = new Set<Socket>()
  const sendAnswer = async (socket: Socket): Promise<void> => {
    const end = cuts && random() < 0.9 ? below(answer.length) : answer.length
    const middle = below(end)
    socket.write(answer.subarray(0, middle))
    if (random() < 0.5) await new Promise(setImmediate)
    socket.write(answer.subarray(middle, end))
    if (end === answer.length) return
    if (random() < 0.5) socket.end()
    else socket.resetAndDestroy()
  }
  const peer = createServer(socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
    socket.on('data', () => void sendAnswer(socket))
  }).listen(0, '127.0.0.1')
  await once(peer, 'listening')
  const address = peer.address()
  assert.ok(address !== null && typeof address === 'object')
  stack.defer(() => {
    peer.close()
    for (const socket of sockets) socket.destroy()
  })
  const buffers = new BufferPool()
  const client = createPooledPeerClient({ buffers })
  stack.defer(() => client.close())
  const endpoint = { host: '127.0.0.1', port: address.port }
  let answered = 0
  const relay = stack.use(
    await startHttpServer(
      {
        log: new MemoryLog(),
        async handler(exchange) {
          try {
            const request = { endpoint, method: 'GET', target: '/', headers: {} } as const
            const { body } = await client.request(request, { signal: exchange.signal, headersTimeoutMs: 30_000 })
            await sendBody(exchange, { status: 200, headers: { 'content-length': CONTENT_BYTES }, body })
          } catch {
            // What the client got says what became of it.
          } finally {
            answered += 1
          }
        },
      },
      { name: 'test', listen: { host: '127.0.0.1', port: 0 } },
    ),
  )
  const owned = stack.move()
  return {
    address: relay.address,
    buffers,
    answered: () => answered,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

describe('a relay', () => {
  for (const [who, { cuts, impatient }] of Object.entries({
    'peers that were cut': { cuts: true, impatient: false },
    'clients that hung up': { cuts: false, impatient: true },
    'both at once': { cuts: true, impatient: true },
  })) {
    it(`leaves nothing behind after ${COUNT} ${who} anywhere, and passes on no wrong byte`, async () => {
      const start = await countResources()
      {
        await using relay = await startRelay({ cuts })
        const before = await countResources()
        let left = COUNT
        let complete = 0
        const askOn = async (): Promise<void> => {
          while (left > 0) {
            left -= 1
            const patience = impatient ? below(answer.length) : Number.POSITIVE_INFINITY
            const body = await ask(relay.address, { target: '/', patience, resets: random() < 0.5 })
            if (body.length === CONTENT_BYTES) {
              complete += 1
              assert.equal(sha256(body), contentHash)
            } else assert.ok(body.equals(content.subarray(0, body.length)))
          }
        }
        await Promise.all(Array.from({ length: CONCURRENCY }, askOn))
        await until(() => relay.answered() === COUNT && relay.buffers.usedBytes === 0)
        await untilReleased(before, KEPT)
        assert.ok(impatient || complete > COUNT / 20, `only ${complete} were complete`)
      }
      await untilReleased(start)
    })
  }
})
