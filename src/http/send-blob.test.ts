import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { blobOf, content, errorOf, KiB, serve } from '../../test/http/body-rig.ts'
import { get } from '../../test/http/raw-client.ts'
import { type PositionalReader, sendBlob } from './body.ts'
import { BufferPool } from './buffer-pool.ts'
import { BodyBrokenError, ClientGoneError } from './errors.ts'

describe('sendBlob', () => {
  const parts = [
    { start: 0, end: content.length - 1 },
    { start: 1, end: content.length - 2 },
    { start: 700_000, end: 700_000 },
    { start: 0, end: -1 },
  ]
  for (const budgetBytes of [32 * 1024 * KiB, 64 * KiB]) {
    for (const { start, end } of parts) {
      it(`sends bytes ${start} to ${end} from buffers of at most ${budgetBytes} bytes together`, async () => {
        const buffers = new BufferPool({ budgetBytes })
        await using server = await serve(exchange =>
          sendBlob(exchange, { status: 200, headers: {}, blob: blobOf(content), start, end, buffers }),
        )
        const response = await fetch(server.url)
        assert.equal(response.headers.get('content-length'), String(end - start + 1))
        assert.ok(content.subarray(start, end + 1).equals(Buffer.from(await response.arrayBuffer())))
        assert.deepEqual(await server.outcome, { value: end - start + 1 })
        assert.equal(buffers.usedBytes, 0)
      })
    }
  }

  it('sets one Content-Length, whatever the headers say', async () => {
    await using server = await serve(exchange => {
      const headers = { 'Content-Length': 3 }
      return sendBlob(exchange, {
        status: 200,
        headers,
        blob: blobOf(content),
        start: 0,
        end: 4,
        buffers: new BufferPool(),
      })
    })
    const response = await fetch(server.url)
    assert.equal(response.headers.get('content-length'), '5')
    assert.equal((await response.arrayBuffer()).byteLength, 5)
  })

  it('sends the head alone to HEAD, and does not touch the blob', async () => {
    const blob = { read: () => Promise.reject(new Error('read')) }
    await using server = await serve(exchange =>
      sendBlob(exchange, { status: 200, headers: {}, blob, start: 0, end: 99, buffers: new BufferPool() }),
    )
    const response = await fetch(server.url, { method: 'HEAD' })
    assert.equal(response.headers.get('content-length'), '100')
    assert.deepEqual(await server.outcome, { value: 0 })
  })

  it('has at most two buffers in use while the client reads nothing, and frees them when it hangs up', async () => {
    const buffers = new BufferPool()
    const blob: PositionalReader = { read: into => Promise.resolve(into.length) }
    const usedBytes: number[] = []
    const stuck = Promise.withResolvers<void>()
    const watched: PositionalReader = {
      read(into, position) {
        usedBytes.push(buffers.usedBytes)
        if (position > 16 * 1024 * KiB) stuck.resolve()
        return blob.read(into, position)
      },
    }
    await using server = await serve(exchange =>
      sendBlob(exchange, { status: 200, headers: {}, blob: watched, start: 0, end: 2 ** 40, buffers }),
    )
    using client = await server.connect()
    client.send(get('/'))
    await stuck.promise
    client.socket.destroy()
    assert.ok(errorOf(await server.outcome) instanceof ClientGoneError)
    assert.equal(Math.max(...usedBytes), 2 * 1024 * KiB)
    assert.equal(buffers.usedBytes, 0)
  })

  it('leaves the exchange unanswered where the blob fails before its first byte', async () => {
    const buffers = new BufferPool()
    const failure = new Error('EIO')
    const blob = { read: () => Promise.reject(failure) }
    await using server = await serve(exchange =>
      sendBlob(exchange, { status: 200, headers: { 'x-a': 1 }, blob, start: 0, end: 99, buffers }),
    )
    const response = await fetch(server.url)
    assert.deepEqual([response.status, response.headers.get('x-a')], [500, null])
    assert.equal(errorOf(await server.outcome), failure)
    assert.equal(buffers.usedBytes, 0)
  })

  const failures: Readonly<Record<string, PositionalReader['read']>> = {
    'fails later': (into, position) =>
      position < 100_000 ? Promise.resolve(Math.min(into.length, 60_000)) : Promise.reject(new Error('EIO')),
    'is too short': (into, position) => Promise.resolve(position < 100_000 ? Math.min(into.length, 60_000) : 0),
  }
  for (const [how, read] of Object.entries(failures)) {
    it(`sends what there is, then FIN, where the blob ${how}`, async () => {
      const buffers = new BufferPool()
      await using server = await serve(exchange =>
        sendBlob(exchange, { status: 200, headers: {}, blob: { read }, start: 0, end: 999_999, buffers }),
      )
      using client = await server.connect()
      client.send(get('/'))
      assert.equal(await client.ending, 'fin')
      assert.equal(client.received.length - client.received.indexOf('\r\n\r\n') - 4, 120_000)
      const error = errorOf(await server.outcome)
      assert.ok(error instanceof BodyBrokenError)
      assert.equal(error.sentBytes, 120_000)
      assert.equal(buffers.usedBytes, 0)
    })
  }
})
