import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MemoryStore } from '../../test/fakes/memory-store.ts'
import { startNode } from '../../test/mirror/node-under-test.ts'
import { rawExchange } from '../../test/mirror/raw-exchange.ts'
import {
  asPeer,
  blob,
  byDigest,
  byTag,
  layer,
  manifest,
  ns,
  registry,
  storeWithImage,
} from '../../test/mirror/stored-image.ts'
import { digestOf } from '../oci/digest.ts'
import { MAX_MANIFEST_BYTES, OCI_MANIFEST } from '../oci/media-type.ts'

describe('content in the store', () => {
  const contents = [
    ['a manifest by tag', byTag, manifest, OCI_MANIFEST, 'none', 'manifest'],
    ['a manifest by digest', byDigest, manifest, OCI_MANIFEST, 'none', 'manifest'],
    ['a blob', blob, layer, 'application/octet-stream', 'bytes', 'blob'],
    ['a manifest as a blob', byDigest.replace('manifests', 'blobs'), manifest, OCI_MANIFEST, 'bytes', 'blob'],
    [
      'a blob of a registry in the path',
      `/v2/docker.io/busybox/blobs/${digestOf(layer)}`,
      layer,
      'application/octet-stream',
      'bytes',
      'blob',
    ],
  ] as const
  for (const [what, target, content, mediaType, acceptRanges, handler] of contents) {
    for (const method of ['GET', 'HEAD'] as const) {
      for (const headers of [{}, asPeer]) {
        test(`${what} is answered to ${method} of a ${headers === asPeer ? 'peer' : 'local client'}`, async () => {
          await using node = await startNode({ store: storeWithImage() })
          const response = await rawExchange(node.address, { method, target, headers })
          assert.equal(response.status, 200)
          assert.ok(response.body.equals(method === 'GET' ? content : Buffer.of()))
          const { date: _, ...sent } = response.headers
          assert.deepEqual(sent, {
            'accept-ranges': acceptRanges,
            connection: 'close',
            'content-length': String(content.length),
            'content-type': mediaType,
            'docker-content-digest': digestOf(content),
            'oci-namespace': target.includes('ns=') ? registry : 'docker.io',
            ...(headers === asPeer ? {} : { 'x-spegel-source': 'store' }),
          })
          const bytes = method === 'GET' ? content.length : 0
          const served = await node.metric('spegel_served_bytes_total{source="store"}')
          const uploaded = await node.metric('spegel_upload_bytes_total')
          assert.deepEqual([served, uploaded], headers === asPeer ? [0, bytes] : [bytes, 0])
          const labels = `handler="${handler}",method="${method}",code="200"`
          assert.equal(await node.metric(`http_request_duration_seconds_count{${labels}}`), 1)
          assert.deepEqual(node.lookups, [])
        })
      }
    }
  }

  const size = layer.length
  const ranges = [
    ['GET', 'bytes=5-9', 206, `bytes 5-9/${size}`, 5, 10],
    ['GET', 'bytes=0-', 206, `bytes 0-${size - 1}/${size}`, 0, size],
    ['GET', 'bytes=-3', 206, `bytes ${size - 3}-${size - 1}/${size}`, size - 3, size],
    ['GET', 'bytes=9-5', 200, undefined, 0, size],
    ['GET', 'bytes=1-2,4-5', 200, undefined, 0, size],
    ['HEAD', 'bytes=5-9', 200, undefined, 0, size],
  ] as const
  for (const [method, range, status, contentRange, start, end] of ranges) {
    test(`is answered ${status} to ${method} of a blob with Range: ${range}`, async () => {
      await using node = await startNode({ store: storeWithImage() })
      const response = await rawExchange(node.address, { method, target: blob, headers: { range } })
      assert.equal(response.status, status)
      assert.equal(response.headers['content-range'], contentRange)
      assert.equal(response.headers['content-length'], String(end - start))
      if (method === 'GET') assert.ok(response.body.equals(layer.subarray(start, end)))
    })
  }

  test('has the same headers in part, whatever conditions the client sets', async () => {
    await using node = await startNode({ store: storeWithImage() })
    const conditions = { 'if-range': '"another"', 'if-none-match': `"${digestOf(layer)}"` }
    const response = await rawExchange(node.address, { target: blob, headers: { range: 'bytes=5-9', ...conditions } })
    assert.equal(response.status, 206)
    const { date: _, ...headers } = response.headers
    assert.deepEqual(headers, {
      'accept-ranges': 'bytes',
      connection: 'close',
      'content-length': '5',
      'content-range': `bytes 5-9/${size}`,
      'content-type': 'application/octet-stream',
      'docker-content-digest': digestOf(layer),
      'oci-namespace': registry,
      'x-spegel-source': 'store',
    })
  })

  test('is answered 416 to a range past its end', async () => {
    await using node = await startNode({ store: storeWithImage() })
    const response = await rawExchange(node.address, { target: blob, headers: { range: `bytes=${size}-` } })
    assert.equal(response.status, 416)
    assert.equal(response.headers['content-range'], `bytes */${size}`)
    assert.match(response.body.toString(), /"code":"SIZE_INVALID"/)
  })

  test('is answered whole where a range of a manifest is asked for', async () => {
    await using node = await startNode({ store: storeWithImage() })
    const response = await rawExchange(node.address, { target: byTag, headers: { range: 'bytes=5-' } })
    assert.equal(response.status, 200)
    assert.ok(response.body.equals(manifest))
  })

  const noManifests = [
    ['a layer', layer],
    ['JSON that is none', Buffer.from('{"schemaVersion":2}')],
    ['a manifest over 4 MiB', Buffer.concat([manifest, Buffer.alloc(MAX_MANIFEST_BYTES, ' ')])],
  ] as const
  for (const [what, content] of noManifests) {
    test(`is unknown as a manifest where it is ${what}, and peers are not asked`, async () => {
      const store = new MemoryStore()
      const digest = store.put(content)
      await using node = await startNode({ store })
      const response = await rawExchange(node.address, { target: `/v2/a/manifests/${digest}?${ns}` })
      assert.equal(response.status, 404)
      assert.match(response.body.toString(), /"code":"MANIFEST_UNKNOWN"/)
      assert.deepEqual(node.lookups, [])
    })
  }
})

describe('what this node has nothing to do with', () => {
  const cases = [
    ['filtered', { registryFilters: ['^registry\\.example:5000/library/'] }, byTag],
    ['filtered', { registryFilters: [':v1$'] }, byTag],
    ['filtered', { registryFilters: ['sample'] }, blob],
    ['not_mirrored', { mirroredRegistries: ['https://docker.io'] }, byDigest],
    ['tags_disabled', { resolveTags: false }, byTag],
  ] as const
  for (const [reason, settings, target] of cases) {
    for (const headers of [{}, asPeer]) {
      const who = headers === asPeer ? 'a peer' : 'a local client'
      test(`is a miss for ${who}, held or not: ${reason} ${JSON.stringify(settings)}`, async () => {
        await using node = await startNode({ store: storeWithImage(), ...settings })
        const response = await rawExchange(node.address, { target, headers })
        assert.equal(response.status, 404)
        assert.match(response.body.toString(), new RegExp(`"reason":"${reason}"`))
        assert.equal(await node.metric(`spegel_mirror_miss_total{reason="${reason}"}`), headers === asPeer ? 0 : 1)
        assert.deepEqual(node.lookups, [])
      })
    }
  }

  test('leaves digests alone where tags are disabled', async () => {
    await using node = await startNode({ store: storeWithImage(), resolveTags: false })
    assert.equal((await rawExchange(node.address, { target: byDigest })).status, 200)
  })
})

describe('content that is withheld', () => {
  const withheld = new Set([digestOf(manifest), digestOf(layer)])
  for (const target of [byDigest, blob]) {
    test(`is a miss for peers, and looked for at peers for local clients: ${target}`, async () => {
      await using node = await startNode({ store: storeWithImage(), withheld })
      assert.equal((await rawExchange(node.address, { target, headers: asPeer })).status, 404)
      assert.deepEqual(node.lookups, [])
      assert.equal((await rawExchange(node.address, { target })).status, 404)
      assert.equal(node.lookups.length, 1)
    })
  }

  test('is answered under a tag that no filter matches', async () => {
    await using node = await startNode({ store: storeWithImage(), withheld })
    assert.equal((await rawExchange(node.address, { target: byTag, headers: asPeer })).status, 200)
  })
})
