import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { describe, it, type TestContext } from 'node:test'
import { MemoryLog } from '../../test/fakes/memory-log.ts'
import { get, RawClient } from '../../test/http/raw-client.ts'
import { until } from '../../test/until.ts'
import { sendBlob, sendBody } from './body.ts'
import { BufferPool } from './buffer-pool.ts'
import { ClientGoneError } from './errors.ts'
import type { Handler } from './exchange.ts'
import { createPooledPeerClient } from './pooled-peer-client.ts'
import { startHttpServer } from './server.ts'

const ENDLESS_BYTES = 2 ** 40

/** A node that serves zeros from its own store, and one that relays what the first serves. */
async function startNodes(sizeBytes: number) {
  await using stack = new AsyncDisposableStack()
  const buffers = new BufferPool()
  const start = async (handler: Handler) => {
    const options = { name: 'test', listen: { host: '127.0.0.1', port: 0 } }
    return stack.use(await startHttpServer({ handler, log: new MemoryLog() }, options))
  }
  const outcomes: unknown[] = []
  const client = createPooledPeerClient({ buffers })
  const blob = { read: (into: Buffer) => Promise.resolve(into.fill(0).length) }
  const holder = await start(async exchange => {
    await sendBlob(exchange, { status: 200, headers: {}, blob, start: 0, end: sizeBytes - 1, buffers })
  })
  const relay = await start(async exchange => {
    try {
      const request = { endpoint: holder.address, method: 'GET', target: '/', headers: {} } as const
      const { body, headers } = await client.request(request, { signal: exchange.signal, headersTimeoutMs: 5000 })
      const head = { status: 200, headers: { 'content-length': headers['content-length'] ?? '' } }
      outcomes.push(await sendBody(exchange, { ...head, body }))
    } catch (error) {
      outcomes.push(error)
    }
  })
  stack.defer(() => client.close())
  const owned = stack.move()
  return { address: relay.address, buffers, outcomes, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

async function countOpenFiles(): Promise<number> {
  return (await readdir('/proc/self/fd')).length
}

describe('a relay', () => {
  it('passes a body on', async () => {
    const sizeBytes = 5_000_001
    await using nodes = await startNodes(sizeBytes)
    const response = await fetch(`http://127.0.0.1:${nodes.address.port}/`)
    assert.equal((await response.arrayBuffer()).byteLength, sizeBytes)
    assert.deepEqual(nodes.outcomes, [sizeBytes])
  })

  it('leaves no connection, buffer or listener behind after 200 clients hung up', async (t: TestContext) => {
    const warnings: Error[] = []
    const onWarning = (warning: Error): void => void warnings.push(warning)
    process.on('warning', onWarning)
    t.after(() => process.off('warning', onWarning))
    await using nodes = await startNodes(ENDLESS_BYTES)
    const before = await countOpenFiles()
    for (let batch = 0; batch < 10; batch += 1) {
      const clients = await Promise.all(Array.from({ length: 20 }, () => RawClient.connect(nodes.address)))
      for (const [index, { socket }] of clients.entries()) {
        socket.write(get('/'))
        await once(socket, 'data')
        if (index % 2 === 0) socket.destroy()
        else socket.resetAndDestroy()
      }
    }
    await until(() => nodes.outcomes.length === 200 && nodes.buffers.usedBytes === 0)
    await until(async () => (await countOpenFiles()) <= before)
    assert.ok(nodes.outcomes.every(outcome => outcome instanceof ClientGoneError))
    assert.deepEqual(warnings, [])
  })
})
