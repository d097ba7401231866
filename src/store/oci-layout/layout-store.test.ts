import assert from 'node:assert/strict'
import { rm, truncate, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { LayoutHand } from '../../../test/contracts/layout-hand.ts'
import { sampleImage, sampleTag } from '../../../test/contracts/sample-image.ts'
import { patience, readAll } from '../../../test/contracts/store-contract.ts'
import { FollowedStore } from '../../../test/contracts/watcher-contract.ts'
import { MemoryLog } from '../../../test/fakes/memory-log.ts'
import { noFilter } from '../../../test/no-filter.ts'
import { temporaryDirectory } from '../../../test/temporary-directory.ts'
import { digestOf } from '../../oci/digest.ts'
import { ContentNotFoundError } from '../errors.ts'
import { createOciLayout } from './oci-layout.ts'

const image = sampleImage('stored', [5000])
const parts = [image.config, ...image.layers, image.manifest]
const [layer = image.config] = image.layers
const layerDigest = digestOf(layer.content)
const manifestDigest = digestOf(image.manifest.content)

async function twoLayouts() {
  const directory = await temporaryDirectory()
  const one = await LayoutHand.open(path.join(directory.path, 'one'))
  const two = await LayoutHand.open(path.join(directory.path, 'two'))
  return {
    one,
    two,
    layout: createOciLayout({ roots: [one.root, two.root], filter: noFilter, log: new MemoryLog() }),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  }
}

async function scan(layout: ReturnType<typeof createOciLayout>): Promise<void> {
  for await (const _ of layout.watcher.watch({ signal: patience() })) return
}

test('a blob shorter than its image says is not found, while another layout that has it whole serves it', async () => {
  await using at = await twoLayouts()
  for (const { content } of parts) await at.one.put(content)
  await at.one.tag(sampleTag, manifestDigest)
  await scan(at.layout)
  await truncate(at.one.blob(layerDigest), 4000)
  await assert.rejects(at.layout.store.describe(layerDigest, { signal: patience() }), ContentNotFoundError)
  await assert.rejects(at.layout.store.open(layerDigest, { signal: patience() }), ContentNotFoundError)
  await at.two.put(layer.content)
  const blob = await at.layout.store.open(layerDigest, { signal: patience() })
  assert.ok((await readAll(blob)).equals(layer.content))
  await blob.close()
})

test('content that an image describes has the media type its manifest gives', async () => {
  await using at = await twoLayouts()
  for (const { content } of parts) await at.one.put(content)
  await at.one.tag(sampleTag, manifestDigest)
  await scan(at.layout)
  for (const { content, mediaType } of parts) {
    const digest = digestOf(content)
    const described = await at.layout.store.describe(digest, { signal: patience() })
    assert.deepEqual(described, { digest, size: content.length, mediaType })
  }
})

test('the media type of content that no image describes is taken anew when the file was still growing', async () => {
  await using at = await twoLayouts()
  const { content, mediaType } = image.index
  const digest = digestOf(content)
  await writeFile(at.one.blob(digest), content.subarray(0, 20))
  const half = await at.layout.store.describe(digest, { signal: patience() })
  assert.equal(half.mediaType, 'application/octet-stream')
  await writeFile(at.one.blob(digest), content)
  const whole = await at.layout.store.describe(digest, { signal: patience() })
  assert.deepEqual(whole, { digest, size: content.length, mediaType })
})

test('a tag in two layouts is that of the first, or of the second while the first lacks the manifest', async () => {
  await using at = await twoLayouts()
  const first = await at.one.put(image.manifest.content)
  const second = await at.two.put(image.index.content)
  await at.one.tag(sampleTag, first)
  await at.two.tag(sampleTag, second)
  assert.equal(await at.layout.store.resolve(sampleTag, { signal: patience() }), first)
  await rm(at.one.blob(first))
  assert.equal(await at.layout.store.resolve(sampleTag, { signal: patience() }), second)
})

test('an unreadable index costs the tags it held, not the content nor the other layouts', async () => {
  await using at = await twoLayouts()
  await at.one.put(image.manifest.content)
  await writeFile(path.join(at.one.root, 'index.json'), 'not JSON')
  const second = await at.two.put(image.index.content)
  await at.two.tag(sampleTag, second)
  assert.equal(await at.layout.store.resolve(sampleTag, { signal: patience() }), second)
  assert.equal((await at.layout.store.describe(manifestDigest, { signal: patience() })).digest, manifestDigest)
  await using followed = new FollowedStore(at.layout.watcher)
  await followed.until([
    { kind: 'tag', reference: sampleTag, digest: second },
    { kind: 'image', registry: sampleTag.registry, digest: second },
    { kind: 'content', registry: sampleTag.registry, digest: manifestDigest },
  ])
})

test('a manifest that does not match its digest describes nothing', async () => {
  await using at = await twoLayouts()
  for (const { content } of parts) await at.one.put(content)
  await at.one.tag(sampleTag, manifestDigest)
  const lie = image.manifest.content.toString().replace('"size":5000', '"size":4000')
  await writeFile(at.one.blob(manifestDigest), lie)
  await scan(at.layout)
  assert.equal((await at.layout.store.describe(layerDigest, { signal: patience() })).size, 5000)
})
