import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { get, RawClient } from '../../test/http/raw-client.ts'
import { startNode } from '../../test/mirror/node-under-test.ts'
import { rawExchange } from '../../test/mirror/raw-exchange.ts'
import { asPeer, blob, byTag, layer, overriding, storeWithImage } from '../../test/mirror/stored-image.ts'
import { until } from '../../test/until.ts'
import { OCTET_STREAM } from '../oci/media-type.ts'
import type { Store } from '../store/store.ts'

/** Every blob goes on for a terabyte. */
const ENDLESS: Partial<Store> = {
  describe: async digest => ({ digest, size: 2 ** 40, mediaType: OCTET_STREAM }),
  open: async () => ({ size: 2 ** 40, read: async into => into.length, close: async () => {} }),
}

describe('uploads to peers', () => {
  test('are refused with 503 beyond the limit, and allowed again once one is done', async () => {
    const { store, reading, release } = heldStore()
    await using node = await startNode({ store, maxUploads: 1 })
    const first = rawExchange(node.address, { target: blob, headers: asPeer })
    await reading
    const second = await rawExchange(node.address, { target: blob, headers: asPeer })
    assert.equal(second.status, 503)
    assert.equal(second.headers['retry-after'], '1')
    assert.match(second.body.toString(), /"code":"TOOMANYREQUESTS"/)
    release()
    assert.ok((await first).body.equals(layer))
    assert.equal((await rawExchange(node.address, { target: blob, headers: asPeer })).status, 200)
  })

  test('give their slot back when the peer hangs up', async () => {
    const { store, reading, release } = heldStore()
    await using node = await startNode({ store, maxUploads: 1 })
    const client = await RawClient.connect(node.address)
    client.send(`GET ${blob} HTTP/1.1\r\nhost: node\r\nx-spegel-mirrored: true\r\n\r\n`)
    await reading
    client.socket.resetAndDestroy()
    release()
    const status = async () => (await rawExchange(node.address, { target: blob, headers: asPeer })).status
    while ((await status()) === 503);
    assert.equal(await status(), 200)
  })

  test('end with FIN where the peer takes too little, and give their slot back', async () => {
    const store = overriding(storeWithImage(), ENDLESS)
    await using node = await startNode({ store, maxUploads: 1, uploadPace: { windowMs: 20, minBytes: 2 ** 40 } })
    using client = await RawClient.connect(node.address)
    client.send(get(blob, asPeer))
    assert.equal(await client.ending, 'fin')
    client.socket.end()
    await until(async () => (await node.metric('http_requests_inflight{handler="registry"}')) === 0)
    using next = await RawClient.connect(node.address)
    next.send(get(blob, asPeer))
    assert.match(await next.receive('\r\n'), / 200 /)
  })

  for (const [what, request] of [
    ['HEAD', { method: 'HEAD', target: blob, headers: asPeer }],
    ['manifests', { target: byTag, headers: asPeer }],
  ] as const) {
    test(`have no limit for ${what}`, async () => {
      await using node = await startNode({ store: storeWithImage(), maxUploads: 0 })
      assert.equal((await rawExchange(node.address, request)).status, 200)
    })
  }

  test('do not limit local clients', async () => {
    await using node = await startNode({ store: storeWithImage(), maxUploads: 0 })
    assert.equal((await rawExchange(node.address, { target: blob })).status, 200)
  })
})

/** A store whose blobs give nothing until they are released. */
function heldStore() {
  const reading = Promise.withResolvers<void>()
  const released = Promise.withResolvers<void>()
  const store = storeWithImage()
  const open: Store['open'] = async (digest, options) => {
    const blob = await store.open(digest, options)
    return {
      size: blob.size,
      close: () => blob.close(),
      read: async (into, position) => {
        reading.resolve()
        await released.promise
        return blob.read(into, position)
      },
    }
  }
  return { store: overriding(store, { open }), reading: reading.promise, release: released.resolve }
}
