import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { sampleTag } from '../../../test/contracts/sample-image.ts'
import {
  assertPulled,
  committed,
  fill,
  forContent,
  image,
  imageBytes,
  largeLayer,
  parts,
  setScene,
  silent,
} from '../../../test/pull/scene.ts'
import { digestOf } from '../../oci/digest.ts'
import { PlatformUnavailableError, UnavailableError } from './errors.ts'

test('an image that the mirror has is pulled from the mirror alone, and named', async () => {
  await using scene = await setScene()
  fill(scene.mirror)
  const result = await scene.pull()
  await assertPulled(scene.into)
  assert.equal(result.reference, 'registry.example:5000/library/sample:v1')
  assert.equal(result.digest, digestOf(image.index.content))
  assert.equal(result.bytes, imageBytes)
  assert.deepEqual(result.from, { [scene.mirror.url.host]: imageBytes })
  assert.deepEqual(scene.upstream.requests, [])
})

test('what the mirror has not comes from upstream, each request asking the mirror first', async () => {
  await using scene = await setScene()
  const result = await scene.pull()
  await assertPulled(scene.into)
  assert.deepEqual(result.from, { upstream: imageBytes })
  assert.deepEqual(scene.mirror.paths('HEAD'), ['/v2/library/sample/manifests/v1'])
  assert.deepEqual(scene.mirror.paths().toSorted(), scene.upstream.paths().toSorted())
  assert.equal(scene.mirror.paths().length, parts.length)
})

test("bytes are counted by the mirror's own source where it names one", async () => {
  await using scene = await setScene()
  fill(scene.mirror)
  scene.mirror.intercept = (_, response) => {
    response.setHeader('x-spegel-source', '127.0.0.9:5000')
    return false
  }
  assert.deepEqual((await scene.pull()).from, { '127.0.0.9:5000': imageBytes })
})

test('content that is there already is not fetched again', async () => {
  await using scene = await setScene()
  await scene.pull()
  const before = scene.upstream.requests.length
  const again = await scene.pull()
  assert.equal(again.bytes, 0)
  assert.deepEqual(again.from, {})
  assert.deepEqual(
    scene.upstream.requests.slice(before).map(({ method }) => method),
    ['HEAD'],
  )
})

test('a platform the image is not built for fails the pull, naming it', async () => {
  await using scene = await setScene()
  const platform = { os: 'linux', architecture: 's390x' }
  await assert.rejects(scene.pull({ platform }), (error: unknown) => {
    assert.ok(error instanceof PlatformUnavailableError)
    assert.match(error.message, /registry\.example:5000\/library\/sample:v1 .* linux\/s390x/)
    return true
  })
})

test('a digest is pulled and named as a digest', async () => {
  await using scene = await setScene()
  const digest = digestOf(image.index.content)
  const { registry, repository } = sampleTag
  const result = await scene.pull({ reference: { kind: 'digest', registry, repository, digest } })
  assert.equal(result.digest, digest)
  assert.match(await readFile(path.join(scene.into, 'index.json'), 'utf8'), new RegExp(`sample@${digest}`))
})

test('an image that nobody has fails the pull with what each host said, and only an empty layout is left', async () => {
  await using scene = await setScene()
  scene.upstream.intercept = (_, response) => response.writeHead(404).end() !== undefined
  await assert.rejects(scene.pull(), (error: unknown) => {
    assert.ok(error instanceof UnavailableError)
    assert.deepEqual(
      error.failures.map(({ host, status }) => [host, status]),
      [
        [scene.mirror.url.host, 404],
        [scene.upstream.url.host, 404],
      ],
    )
    return true
  })
  assert.deepEqual(await committed(scene.into), ['index.json', 'oci-layout'])
})

test('at most three downloads are under way at once', async () => {
  await using scene = await setScene()
  const held: (() => void)[] = []
  let most = 0
  let pulled = false
  scene.upstream.intercept = (request, response) => {
    if (!request.url?.includes('/blobs/')) return false
    held.push(() => {
      const part = parts.find(({ content }) => request.url?.includes(digestOf(content)))
      response.writeHead(200, { 'content-length': part?.content.length }).end(part?.content)
    })
    most = Math.max(most, held.length)
    // Let go only when as many as can come have come: three, or all that are left.
    if (held.length === 3 || pulled) for (const release of held.splice(0)) release()
    else if (scene.upstream.paths().filter(url => url.includes('/blobs/')).length === 5) {
      for (const release of held.splice(0)) release()
      pulled = true
    }
    return true
  }
  await scene.pull()
  assert.equal(most, 3)
})

test('an aborted pull rejects with its reason and leaves the download staged', async () => {
  await using scene = await setScene()
  const content = largeLayer
  const stop = new AbortController()
  const reason = new Error('interrupted')
  scene.upstream.intercept = forContent(content, 1, response => {
    response.writeHead(200, { 'content-length': content.length })
    response.write(content.subarray(0, 100_000))
  })
  const progress = {
    ...silent,
    advanced: (digest: string) => {
      if (digest === digestOf(content)) stop.abort(reason)
    },
  }
  await assert.rejects(scene.pull({ mirror: undefined, progress }, stop.signal), reason)
  assert.ok((await readdir(path.join(scene.into, 'ingest'))).length > 0)
  await scene.pull()
  await assertPulled(scene.into)
})
