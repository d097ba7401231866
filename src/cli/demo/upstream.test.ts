import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { digestHex, digestOf } from '../../oci/digest.ts'
import { OCI_MANIFEST } from '../../oci/media-type.ts'
import { makeImage } from './make-image.ts'
import { readSourceImage } from './source-image.ts'
import { startUpstream, type Upstream } from './upstream.ts'

const LINUX = { os: 'linux', architecture: 'amd64' }
const root = await mkdtemp(path.join(tmpdir(), 'spegel-demo-test-'))
after(() => rm(root, { recursive: true, force: true }))
await makeImage(root, [100_000])
const image = await readSourceImage(root, LINUX)
const layer = image.content.at(-1)
assert.ok(layer)
const layerBytes = await readFile(path.join(root, 'blobs', 'sha256', digestHex(layer.digest)))

async function ask(upstream: Upstream, target: string, init: RequestInit = {}) {
  const response = await fetch(new URL(target, upstream.url), init)
  return { response, body: Buffer.from(await response.arrayBuffer()) }
}

test('a manifest is served by tag and by digest, a blob whole and in part', async () => {
  await using upstream = await startUpstream(image, { bytesPerSecond: undefined })
  for (const name of ['1.0', image.root.digest]) {
    const { response, body } = await ask(upstream, `/v2/demo/hello/manifests/${name}?ns=registry.example`)
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('content-type'), OCI_MANIFEST)
    assert.equal(response.headers.get('docker-content-digest'), image.root.digest)
    assert.equal(digestOf(body), image.root.digest)
  }
  const blob = `/v2/demo/hello/blobs/${layer.digest}`
  const whole = await ask(upstream, blob)
  assert.deepEqual(whole.body, layerBytes)
  assert.equal(whole.response.headers.get('content-length'), String(layer.size))
  const part = await ask(upstream, blob, { headers: { range: 'bytes=99000-' } })
  assert.equal(part.response.status, 206)
  assert.equal(part.response.headers.get('content-range'), `bytes 99000-${layer.size - 1}/${layer.size}`)
  assert.deepEqual(part.body, layerBytes.subarray(99_000))
  assert.equal((await ask(upstream, blob, { headers: { range: `bytes=${layer.size}-` } })).response.status, 416)
})

test('what was asked for and sent is counted', async () => {
  await using upstream = await startUpstream(image, { bytesPerSecond: undefined })
  const blob = `/v2/demo/hello/blobs/${layer.digest}`
  await ask(upstream, '/v2/')
  await ask(upstream, '/v2/demo/hello/manifests/1.0', { method: 'HEAD' })
  await ask(upstream, `/v2/demo/hello/manifests/${image.root.digest}`)
  await ask(upstream, blob, { method: 'HEAD' })
  await ask(upstream, blob)
  await ask(upstream, blob, { headers: { range: 'bytes=0-9' } })
  assert.deepEqual(upstream.counts(), { manifestRequests: 2, blobRequests: 3, blobBytes: layer.size + 10 })
})

test('what it does not have is 404', async () => {
  await using upstream = await startUpstream(image, { bytesPerSecond: undefined })
  const absent = digestOf(Buffer.from('absent'))
  const targets = ['/', '/v2/a/manifests/2.0', `/v2/a/manifests/${absent}`, `/v2/a/blobs/${absent}`, '/v2/a/blobs/1.0']
  for (const target of [...targets, '/v2/a/blobs/%zz', '/v2/a/tags/list']) {
    const { response } = await ask(upstream, target)
    assert.equal(response.status, 404, target)
  }
})

test('once stopped nobody answers, and a body under way breaks off', async () => {
  await using upstream = await startUpstream(image, { bytesPerSecond: 1 })
  const response = await fetch(new URL(`/v2/demo/hello/blobs/${layer.digest}`, upstream.url))
  await upstream.stop()
  await assert.rejects(response.arrayBuffer())
  await assert.rejects(ask(upstream, '/v2/'))
})
