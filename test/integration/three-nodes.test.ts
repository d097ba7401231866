import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { digestOf } from '../../src/oci/digest.ts'
import { type Cluster, startCluster } from './cluster.ts'

const LAYER_BYTES = 5_000_000

describe('three nodes, of which one holds an image', () => {
  let cluster: Cluster
  let third: string

  before(async () => {
    const hosts = ['127.0.0.1', '127.0.0.2', '127.0.0.3']
    cluster = await startCluster({ hosts, holders: ['127.0.0.1'], layerBytes: LAYER_BYTES })
    third = cluster.node('127.0.0.3').url
    await cluster.found('127.0.0.3')
  })
  after(async () => await cluster[Symbol.asyncDispose]())

  for (const how of ['tag', 'digest'] as const) {
    const reference = () => (how === 'tag' ? cluster.image.reference.tag : cluster.image.manifest.digest)

    test(`the third serves the manifest by ${how}, byte for byte`, async () => {
      const response = await fetch(third + cluster.target('manifests', reference()))
      assert.equal(response.status, 200)
      assert.equal(response.headers.get('docker-content-digest'), cluster.image.manifest.digest)
      assert.equal(response.headers.get('content-type'), 'application/vnd.oci.image.manifest.v1+json')
      assert.deepEqual(Buffer.from(await response.arrayBuffer()), cluster.image.manifest.content)
    })

    test(`HEAD of the manifest by ${how} has the headers of GET and no body`, async () => {
      const response = await fetch(third + cluster.target('manifests', reference()), { method: 'HEAD' })
      assert.equal(response.status, 200)
      assert.equal(response.headers.get('docker-content-digest'), cluster.image.manifest.digest)
      assert.equal(response.headers.get('content-length'), String(cluster.image.manifest.content.length))
      assert.equal((await response.arrayBuffer()).byteLength, 0)
    })
  }

  test('the third serves the blob, byte for byte, and says which peer it came from', async () => {
    const response = await fetch(third + cluster.target('blobs', cluster.image.layer.digest))
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('accept-ranges'), 'bytes')
    assert.equal(response.headers.get('oci-namespace'), 'registry.example')
    assert.equal(response.headers.get('x-spegel-source'), `127.0.0.1:${cluster.ports.registry}`)
    assert.equal(digestOf(Buffer.from(await response.arrayBuffer())), cluster.image.layer.digest)
  })

  test('HEAD of the blob has the headers of GET and no body', async () => {
    const response = await fetch(third + cluster.target('blobs', cluster.image.layer.digest), { method: 'HEAD' })
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('content-length'), String(LAYER_BYTES))
    assert.equal((await response.arrayBuffer()).byteLength, 0)
  })

  const ranges = [
    { range: 'bytes=1000000-1000999', from: 1_000_000, to: 1_000_999 },
    { range: 'bytes=4999990-', from: 4_999_990, to: 4_999_999 },
    { range: 'bytes=-10', from: 4_999_990, to: 4_999_999 },
    { range: 'bytes=4999990-9999999', from: 4_999_990, to: 4_999_999 },
  ]
  for (const { range, from, to } of ranges) {
    test(`the third serves ${range} as the same bytes that the whole blob has there`, async () => {
      const url = third + cluster.target('blobs', cluster.image.layer.digest)
      const whole = Buffer.from(await (await fetch(url)).arrayBuffer())
      const part = await fetch(url, { headers: { Range: range } })
      assert.equal(part.status, 206)
      assert.equal(part.headers.get('content-range'), `bytes ${from}-${to}/${LAYER_BYTES}`)
      assert.deepEqual(Buffer.from(await part.arrayBuffer()), whole.subarray(from, to + 1))
    })
  }

  test('a range past the end is answered 416 with the size', async () => {
    const url = third + cluster.target('blobs', cluster.image.layer.digest)
    const response = await fetch(url, { headers: { Range: `bytes=${LAYER_BYTES}-` } })
    assert.equal(response.status, 416)
    assert.equal(response.headers.get('content-range'), `bytes */${LAYER_BYTES}`)
    await response.body?.cancel()
  })

  test('the registry may be given in the path instead of ns', async () => {
    const { registry, repository, tag } = cluster.image.reference
    const response = await fetch(`${third}/v2/${registry}/${repository}/manifests/${tag}`)
    assert.equal(response.status, 200)
    assert.deepEqual(Buffer.from(await response.arrayBuffer()), cluster.image.manifest.content)
  })

  test('metrics count the hits, the bytes and the peers', async () => {
    const text = await (await fetch(`${cluster.node('127.0.0.3').metricsUrl}/metrics`)).text()
    assert.match(text, /^spegel_mirror_requests_total\{registry="registry\.example",cache="hit"\} [1-9]/m)
    assert.match(text, /^spegel_served_bytes_total\{source="peer"\} [1-9]/m)
    assert.match(text, /^spegel_peers 2$/m)
    const holder = await (await fetch(`${cluster.node('127.0.0.1').metricsUrl}/metrics`)).text()
    assert.match(holder, /^spegel_upload_bytes_total [1-9]/m)
    assert.match(holder, /^spegel_advertised_image_tags\{registry="registry\.example"\} 1$/m)
    assert.match(holder, /^spegel_advertised_content_digests\{registry="registry\.example"\} 2$/m)
  })
})
