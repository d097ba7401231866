import assert from 'node:assert/strict'
import { cp, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { LayoutHand } from '../../../test/contracts/layout-hand.ts'
import { sampleImage, sampleTag } from '../../../test/contracts/sample-image.ts'
import { FollowedStore } from '../../../test/contracts/watcher-contract.ts'
import { MemoryLog } from '../../../test/fakes/memory-log.ts'
import { noFilter } from '../../../test/no-filter.ts'
import { temporaryDirectory } from '../../../test/temporary-directory.ts'
import { type Digest, digestOf } from '../../oci/digest.ts'
import { compileFilters } from '../../oci/registry-filter.ts'
import type { StoreEntry } from '../watcher.ts'
import type { LayoutWatcherOptions } from './layout-watcher.ts'
import { createOciLayout } from './oci-layout.ts'

const content = (digest: Digest, registry = ''): StoreEntry => ({ kind: 'content', registry, digest })

function follow(roots: readonly string[], options: LayoutWatcherOptions = {}): FollowedStore {
  const watcher = { settleMs: 1, rearmIntervalMs: 10, ...options }
  return new FollowedStore(createOciLayout({ roots, filter: noFilter, log: new MemoryLog() }, { watcher }).watcher)
}

test('content in two layouts is one entry, removed when it is gone from both', async () => {
  await using directory = await temporaryDirectory()
  const [one, two] = [
    await LayoutHand.open(path.join(directory.path, 'one')),
    await LayoutHand.open(path.join(directory.path, 'two')),
  ]
  const shared = await one.put(Buffer.from('shared'))
  await two.put(Buffer.from('shared'))
  await using followed = follow([one.root, two.root])
  await followed.until([content(shared)])
  await one.remove(shared)
  const marker = await one.put(Buffer.from('marker'))
  await followed.until([content(shared), content(marker)])
  await two.remove(shared)
  await followed.until([content(marker)])
})

test('an image whose parts are spread over layouts is one image', async () => {
  await using directory = await temporaryDirectory()
  const [one, two] = [
    await LayoutHand.open(path.join(directory.path, 'one')),
    await LayoutHand.open(path.join(directory.path, 'two')),
  ]
  const image = sampleImage('spread', [100])
  const manifest = await one.put(image.manifest.content)
  await one.tag(sampleTag, manifest)
  const { registry } = sampleTag
  const config = await two.put(image.config.content)
  await using followed = follow([one.root, two.root])
  await followed.until([
    { kind: 'tag', reference: sampleTag, digest: manifest },
    { kind: 'image', registry, digest: manifest },
    content(config, registry),
  ])
})

test('a layout that comes later, goes and comes back is noticed each time', async () => {
  await using directory = await temporaryDirectory()
  const root = path.join(directory.path, 'media', 'stick')
  await using followed = follow([root])
  await followed.until([])
  const stick = await LayoutHand.open(root)
  const digest = await stick.put(Buffer.from('on the stick'))
  await followed.until([content(digest)])
  await rename(root, path.join(directory.path, 'elsewhere'))
  await followed.until([])
  await rename(path.join(directory.path, 'elsewhere'), root)
  await followed.until([content(digest)])
  const more = await stick.put(Buffer.from('more'))
  await followed.until([content(digest), content(more)])
})

test('a layout that comes later is noticed without waiting for the check of the watched directories', async () => {
  await using directory = await temporaryDirectory()
  const present = await LayoutHand.open(path.join(directory.path, 'present'))
  const root = path.join(directory.path, 'later', 'images')
  await using followed = follow([present.root, root], { rearmIntervalMs: 3_600_000 })
  await followed.until([])
  const later = await LayoutHand.open(root)
  const digest = await later.put(Buffer.from('pulled later'))
  await followed.until([content(digest)])
})

test('directories of a layout that are removed and made again are watched again', async () => {
  await using directory = await temporaryDirectory()
  const hand = await LayoutHand.open(directory.path)
  const digest = await hand.put(Buffer.from('content'))
  await using followed = follow([directory.path])
  await followed.until([content(digest)])
  await rm(path.join(directory.path, 'blobs'), { recursive: true })
  await followed.until([])
  await mkdir(path.join(directory.path, 'blobs/sha256'), { recursive: true })
  const again = await hand.put(Buffer.from('again'))
  await followed.until([content(again)])
})

test('a change that no notification told of is found by the next resync', async () => {
  await using directory = await temporaryDirectory()
  await using followed = follow([directory.path], { resyncIntervalMs: 20, rearmIntervalMs: 20 })
  await followed.until([])
  await writeFile(path.join(directory.path, 'index.json'), '{"manifests":[]}')
  const hand = await LayoutHand.open(directory.path)
  const digest = await hand.put(Buffer.from('content'))
  await followed.until([content(digest)])
})

test('files that are no content are not told: other names, unknown algorithms, links, directories, staged downloads', async () => {
  await using directory = await temporaryDirectory()
  const hand = await LayoutHand.open(directory.path)
  const digest = await hand.put(Buffer.from('content'))
  const blobs = path.join(directory.path, 'blobs')
  const other = digestOf(Buffer.from('other'))
  await writeFile(path.join(blobs, 'sha256', 'oci-put-blob123'), 'x')
  await mkdir(path.join(blobs, 'md5'))
  await writeFile(path.join(blobs, 'md5', 'd41d8cd98f00b204e9800998ecf8427e'), '')
  await symlink(hand.blob(digest), hand.blob(other))
  await mkdir(hand.blob(digestOf(Buffer.from('a directory'))))
  await using staged = await hand.begin(digestOf(Buffer.from('staged')), 6)
  await staged.append(Buffer.from('sta'))
  await using followed = follow([directory.path])
  await followed.until([content(digest)])
})

test('a copied layout is told whole', async () => {
  await using directory = await temporaryDirectory()
  const image = sampleImage('copied', [100])
  const source = await LayoutHand.open(path.join(directory.path, 'source'))
  for (const part of [image.config, ...image.layers, image.manifest]) await source.put(part.content)
  const manifest = digestOf(image.manifest.content)
  await source.tag(sampleTag, manifest)
  const target = path.join(directory.path, 'target')
  await using followed = follow([target])
  await followed.until([])
  await cp(source.root, target, { recursive: true })
  const { registry } = sampleTag
  await followed.until([
    { kind: 'tag', reference: sampleTag, digest: manifest },
    { kind: 'image', registry, digest: manifest },
    ...[image.config, ...image.layers].map(part => content(digestOf(part.content), registry)),
  ])
  assert.equal(followed.events[0]?.type, 'snapshot')
})

test('with a filter everything is withheld before the first scan, then what no image uses that it lets pass', async () => {
  await using directory = await temporaryDirectory()
  const hand = await LayoutHand.open(directory.path)
  const image = sampleImage('secret', [100])
  for (const part of [image.config, ...image.layers, image.manifest]) await hand.put(part.content)
  const manifest = digestOf(image.manifest.content)
  await hand.tag({ ...sampleTag, tag: 'secret' }, manifest)
  const loose = await hand.put(Buffer.from('loose'))
  const filter = compileFilters({ mirroredRegistries: [], registryFilters: [':secret$'] })
  const { watcher, withheld } = createOciLayout({ roots: [directory.path], filter, log: new MemoryLog() })
  assert.ok(withheld.has(loose))
  await using followed = new FollowedStore(watcher)
  await followed.until([])
  const parts = [image.config, ...image.layers].map(part => digestOf(part.content))
  assert.ok([loose, manifest, ...parts].every(digest => withheld.has(digest)))
  await hand.tag(sampleTag, manifest)
  const { registry } = sampleTag
  await followed.until([
    { kind: 'tag', reference: sampleTag, digest: manifest },
    { kind: 'image', registry, digest: manifest },
    ...parts.map(part => content(part, registry)),
  ])
  assert.ok([manifest, ...parts].every(digest => !withheld.has(digest)))
  assert.ok(withheld.has(loose))
})
