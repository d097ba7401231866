import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import path from 'node:path'
import { test } from 'node:test'
import { LayoutHand } from '../../../test/contracts/layout-hand.ts'
import {
  assertPulled,
  breakOff,
  committed,
  corrupt,
  fill,
  forContent,
  image,
  imageBytes,
  largeLayer,
  parts,
  setScene,
  smallLayer,
} from '../../../test/pull/scene.ts'
import { digestOf } from '../../oci/digest.ts'
import { blobPath } from '../../store/content-directory/content-files.ts'
import { DigestMismatchError, SizeMismatchError } from '../../store/oci-layout/errors.ts'
import { BrokenOffError } from './errors.ts'

test('a body that ends early is resumed where it ended, the mirror being asked again first', async () => {
  await using scene = await setScene()
  fill(scene.mirror)
  const content = largeLayer
  scene.mirror.intercept = forContent(content, 2, breakOff(content, 150_000))
  const result = await scene.pull()
  await assertPulled(scene.into)
  assert.deepEqual(Object.keys(result.from), [scene.mirror.url.host])
  const ranges = scene.mirror.requests
    .filter(({ url }) => url.includes(digestOf(content)))
    .map(({ headers }) => headers.range)
  assert.equal(ranges.length, 3)
  assert.equal(ranges[0], undefined)
  assert.match(ranges[1] ?? '', /^bytes=[1-9][0-9]*-$/)
})

test('the rest of a body comes from upstream where the mirror has it no more', async () => {
  await using scene = await setScene()
  fill(scene.mirror)
  const content = largeLayer
  let asked = 0
  scene.mirror.intercept = forContent(content, 2, response => {
    asked += 1
    if (asked === 1) breakOff(content, 150_000)(response)
    else response.writeHead(404).end()
  })
  const result = await scene.pull()
  await assertPulled(scene.into)
  assert.equal(result.bytes, imageBytes)
  const fromUpstream = result.from['upstream'] ?? 0
  assert.ok(fromUpstream > 0 && fromUpstream < content.length)
  assert.equal(scene.upstream.requests.length, 1)
})

test('a host that ignores the range of a resumed download sends it all, and what is there is skipped', async () => {
  await using scene = await setScene()
  const content = largeLayer
  let asked = 0
  scene.upstream.intercept = forContent(content, 2, response => {
    asked += 1
    if (asked === 1) breakOff(content, 150_000)(response)
    else response.writeHead(200, { 'content-length': content.length }).end(content)
  })
  assert.equal((await scene.pull()).bytes, imageBytes)
  await assertPulled(scene.into)
})

test('a body that breaks off three times without a byte fails the pull, which leaves verified content without a name', async () => {
  await using scene = await setScene()
  const content = smallLayer
  scene.upstream.intercept = forContent(content, Number.POSITIVE_INFINITY, breakOff(content, 0))
  await assert.rejects(scene.pull({ mirror: undefined }), BrokenOffError)
  assert.equal(scene.upstream.paths().filter(url => url.includes(digestOf(content))).length, 3)
  const verified = new Set(parts.map(part => blobPath(digestOf(part.content))))
  verified.delete(blobPath(digestOf(content)))
  const left = await committed(scene.into)
  assert.deepEqual(
    left.filter(file => !verified.has(file)),
    ['index.json', 'oci-layout'],
  )
  assert.match(await readFile(path.join(scene.into, 'index.json'), 'utf8'), /"manifests":\[\]/)
})

test('content that is not what its digest promises fails the pull and is dropped, and the next pull is clean', async () => {
  for (const part of [image.index, image.manifest, image.config, ...image.layers]) {
    await using scene = await setScene()
    fill(scene.mirror)
    scene.mirror.intercept = forContent(part.content, 1, corrupt(part.content))
    await assert.rejects(scene.pull(), DigestMismatchError)
    const staged = await readdir(path.join(scene.into, 'ingest'))
    assert.ok(!staged.some(id => id.includes(digestOf(part.content).slice('sha256:'.length))))
    await scene.pull()
    await assertPulled(scene.into)
  }
})

test('a download that a killed pull left staged is resumed where it is', async () => {
  await using scene = await setScene()
  const content = largeLayer
  const hand = await LayoutHand.open(scene.into)
  {
    await using staged = await hand.begin(digestOf(content), content.length)
    await staged.append(content.subarray(0, 250_000))
  }
  const result = await scene.pull()
  await assertPulled(scene.into)
  assert.equal(result.bytes, imageBytes - 250_000)
  const resumed = scene.upstream.requests.filter(({ url }) => url.includes(digestOf(content)))
  assert.deepEqual(
    resumed.map(({ headers }) => headers.range),
    ['bytes=250000-'],
  )
})

/** Sends `body` in chunked encoding, which does not tell its length beforehand. */
function unannounced(body: Buffer): (response: ServerResponse) => void {
  return response => {
    response.write(body)
    response.end()
  }
}

test('a body of unannounced length that is too long fails the pull and is dropped', async () => {
  await using scene = await setScene()
  fill(scene.mirror)
  scene.mirror.intercept = forContent(largeLayer, 1, unannounced(Buffer.concat([largeLayer, largeLayer])))
  await assert.rejects(scene.pull(), SizeMismatchError)
  const staged = await readdir(path.join(scene.into, 'ingest'))
  assert.ok(!staged.some(id => id.includes(digestOf(largeLayer).slice('sha256:'.length))))
})

test('a body of unannounced length that is too short is resumed', async () => {
  await using scene = await setScene()
  fill(scene.mirror)
  scene.mirror.intercept = forContent(largeLayer, 1, unannounced(largeLayer.subarray(0, 100)))
  await scene.pull()
  await assertPulled(scene.into)
  assert.ok(scene.mirror.requests.some(({ headers }) => headers.range === 'bytes=100-'))
})
