import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleTag } from '../../test/contracts/sample-image.ts'
import { noFilter } from '../../test/no-filter.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { type Digest, digestOf } from '../oci/digest.ts'
import type { Manifest } from '../oci/manifest.ts'
import { OCI_INDEX, OCI_LAYER, OCI_MANIFEST } from '../oci/media-type.ts'
import { formatReference } from '../oci/reference.ts'
import { compileFilters, type ReferenceFilter } from '../oci/registry-filter.ts'
import { EntryTracker } from './entry-tracker.ts'
import { ExcludedImages, type RootImage } from './excluded-images.ts'
import { walkImages } from './image-walk.ts'

const { registry } = sampleTag

function named(text: string): Digest {
  return digestOf(Buffer.from(text))
}

function index(...children: readonly Digest[]): Manifest {
  const manifests = children.map(digest => ({ digest, size: 1, mediaType: OCI_INDEX }))
  return { kind: 'index', mediaType: OCI_INDEX, manifests }
}

function layer(digest: Digest): Descriptor {
  return { digest, size: 1, mediaType: OCI_LAYER }
}

function image(config: Digest, ...layers: readonly Digest[]): Manifest {
  return { kind: 'image', mediaType: OCI_MANIFEST, config: layer(config), layers: layers.map(layer) }
}

interface Circumstances {
  /** Default: nothing. */
  readonly missing?: Digest
  /** Held beside what the manifests name. Default: nothing. */
  readonly loose?: Digest
  /** Default: none. */
  readonly filter?: ReferenceFilter
  /** Default: as if this were the first look. */
  readonly exclusions?: ExcludedImages
}

/** Walks; what is no manifest of `manifests` but a child of one is held too, unless it is `missing`. */
async function walk(
  images: readonly RootImage[],
  manifests: ReadonlyMap<Digest, Manifest>,
  { missing, loose, filter = noFilter, exclusions = new ExcludedImages(filter) }: Circumstances = {},
) {
  const reads: Digest[] = []
  const held = new Set<Digest>()
  for (const [digest, manifest] of manifests) {
    held.add(digest)
    const children = manifest.kind === 'index' ? manifest.manifests : [manifest.config, ...manifest.layers]
    for (const child of children) held.add(child.digest)
  }
  if (missing !== undefined) held.delete(missing)
  if (loose !== undefined) held.add(loose)
  const readManifest = async (digest: Digest): Promise<Manifest | undefined> => {
    reads.push(digest)
    return manifests.get(digest)
  }
  const withheld = new Set<Digest>()
  const [snapshot] = await new EntryTracker().look(async tell => {
    const found = await walkImages({ images, held, exclusions, readManifest }, tell)
    for (const digest of held) if (found.has(digest)) withheld.add(digest)
  })
  return { entries: snapshot?.entries ?? [], reads, withheld }
}

test('an index that contains itself, directly or through another, ends', async () => {
  const [a, b, layer] = [named('a'), named('b'), named('layer')]
  const manifests = new Map([
    [a, index(a, b)],
    [b, index(a, layer)],
  ])
  const { entries, reads } = await walk([{ digest: a, reference: sampleTag }], manifests)
  assert.deepEqual(entries, [
    { kind: 'tag', reference: sampleTag, digest: a },
    { kind: 'image', registry, digest: a },
    { kind: 'content', registry, digest: b },
    { kind: 'content', registry, digest: layer },
  ])
  assert.deepEqual(new Set(reads), new Set([a, b, layer]))
})

test('nesting is followed to a limit; what is below belongs to no image but is listed', async () => {
  const chain = Array.from({ length: 10 }, (_, depth) => named(`level ${depth}`))
  const manifests = new Map(chain.slice(0, -1).map((digest, depth) => [digest, index(chain[depth + 1] ?? digest)]))
  const [root = named('')] = chain
  const { entries } = await walk([{ digest: root, reference: sampleTag }], manifests)
  const content = entries.filter(entry => entry.kind === 'content')
  assert.deepEqual(
    content.map(entry => entry.registry),
    [...Array.from({ length: 5 }, () => registry), '', '', '', ''],
  )
})

test('the children of an image are not read as manifests', async () => {
  const [root, config, layer] = [named('root'), named('config'), named('layer')]
  const { reads } = await walk([{ digest: root, reference: sampleTag }], new Map([[root, image(config, layer)]]))
  assert.deepEqual(reads, [root])
})

test('content that images of two registries use is listed once, under the first', async () => {
  const [one, two, shared] = [named('one'), named('two'), named('shared')]
  const manifests = new Map([
    [one, image(shared)],
    [two, image(shared)],
  ])
  const other = { ...sampleTag, registry: 'other.example' }
  const { entries } = await walk(
    [
      { digest: two, reference: other },
      { digest: one, reference: sampleTag },
    ],
    manifests,
  )
  assert.deepEqual(
    entries.filter(entry => entry.digest === shared),
    [{ kind: 'content', registry: 'other.example', digest: shared }],
  )
})

test('an image without a name and what belongs to it are content of no registry, unless a named image uses it', async () => {
  const [nameless, root, shared, own] = [named('nameless'), named('root'), named('shared'), named('own')]
  const manifests = new Map([
    [nameless, image(shared, own)],
    [root, image(shared)],
  ])
  const { entries } = await walk([{ digest: nameless }, { digest: root, reference: sampleTag }], manifests)
  assert.deepEqual(entries, [
    { kind: 'tag', reference: sampleTag, digest: root },
    { kind: 'image', registry, digest: root },
    { kind: 'content', registry, digest: shared },
    { kind: 'content', registry: '', digest: own },
    { kind: 'content', registry: '', digest: nameless },
  ])
})

test('children that are not held are left out', async () => {
  const [root, config, layer] = [named('root'), named('config'), named('layer')]
  const manifests = new Map([[root, image(config, layer)]])
  const { entries } = await walk([{ digest: root, reference: sampleTag }], manifests, { missing: layer })
  assert.ok(entries.every(entry => entry.digest !== layer))
})

test('an image named by digest has no tag', async () => {
  const root = named('root')
  const reference = { kind: 'digest', registry, repository: 'r', digest: root } as const
  const { entries } = await walk([{ digest: root, reference }], new Map([[root, index()]]))
  assert.deepEqual(entries, [{ kind: 'image', registry, digest: root }])
})

const secretFilter = compileFilters({ mirroredRegistries: [], registryFilters: [':secret$'] })
const secretTag = { ...sampleTag, tag: 'secret' }
const { repository } = sampleTag

test('of an excluded image nothing is told and all is withheld, but for what another named image uses', async () => {
  const [secret, open, shared, own] = [named('secret'), named('open'), named('shared'), named('own')]
  const manifests = new Map([
    [secret, image(shared, own)],
    [open, image(shared)],
  ])
  const images = [
    { digest: secret, reference: secretTag },
    { digest: open, reference: sampleTag },
  ]
  const { entries, withheld } = await walk(images, manifests, { filter: secretFilter })
  assert.deepEqual(entries, [
    { kind: 'tag', reference: sampleTag, digest: open },
    { kind: 'image', registry, digest: open },
    { kind: 'content', registry, digest: shared },
  ])
  assert.deepEqual(withheld, new Set([secret, own]))
})

test('an excluded index withholds what its manifests refer to', async () => {
  const [root, child, config, layer] = [named('root'), named('child'), named('config'), named('layer')]
  const manifests = new Map([
    [root, index(child)],
    [child, image(config, layer)],
  ])
  const { entries, withheld } = await walk([{ digest: root, reference: secretTag }], manifests, {
    filter: secretFilter,
  })
  assert.deepEqual(entries, [])
  assert.deepEqual(withheld, new Set([root, child, config, layer]))
})

test('a manifest that an excluded and another image name is told under the other, in whatever order they come', async () => {
  const [root, layer] = [named('root'), named('layer')]
  const images = [
    { digest: root, reference: secretTag },
    { digest: root, reference: sampleTag },
  ]
  for (const ordered of [images, images.toReversed()]) {
    const { entries, withheld } = await walk(ordered, new Map([[root, image(layer)]]), { filter: secretFilter })
    assert.deepEqual(entries, [
      { kind: 'tag', reference: sampleTag, digest: root },
      { kind: 'image', registry, digest: root },
      { kind: 'content', registry, digest: layer },
    ])
    assert.equal(withheld.size, 0)
  }
})

test('an image without a name lends nothing to what an excluded image uses', async () => {
  const [nameless, secret, shared, own] = [named('nameless'), named('secret'), named('shared'), named('own')]
  const manifests = new Map([
    [nameless, image(shared, own)],
    [secret, image(shared)],
  ])
  const { entries, withheld } = await walk(
    [{ digest: nameless }, { digest: secret, reference: secretTag }],
    manifests,
    {
      filter: secretFilter,
    },
  )
  assert.deepEqual(entries, [
    { kind: 'content', registry: '', digest: own },
    { kind: 'content', registry: '', digest: nameless },
  ])
  assert.deepEqual(withheld, new Set([secret, shared]))
})

const byDigest = { kind: 'digest', registry, repository, digest: named('root') } as const
const names = [
  { names: [secretTag, byDigest], told: [] },
  { names: [byDigest], told: ['image'] },
  { names: [secretTag, sampleTag, byDigest], told: ['tag', 'image'] },
  { names: [secretTag, { ...byDigest, repository: 'another' }], told: ['image'] },
] as const
for (const { names: references, told } of names) {
  const text = references.map(formatReference).join(', ').replaceAll(byDigest.digest, 'digest')
  test(`a filter of tags also decides on the digest of the same image: ${text} is told as ${told.join(' and ') || 'nothing'}`, async () => {
    const images = references.map(reference => ({ digest: byDigest.digest, reference }))
    const { entries } = await walk(images, new Map([[byDigest.digest, index()]]), { filter: secretFilter })
    assert.deepEqual(
      entries.map(entry => entry.kind),
      told,
    )
  })
}

test('where names are excluded, content that no image uses is withheld; an image without a name is no excluded one', async () => {
  const [root, layer, loose] = [named('root'), named('layer'), named('loose')]
  for (const reference of [{ reference: sampleTag }, {}]) {
    const images = [{ digest: root, ...reference }]
    const { entries, withheld } = await walk(images, new Map([[root, image(layer)]]), { loose, filter: secretFilter })
    assert.deepEqual(new Set(entries.map(entry => entry.digest)), new Set([root, layer]))
    assert.deepEqual(withheld, new Set([loose]))
  }
})

test('where only registries are chosen, content that no image uses is told', async () => {
  const loose = named('loose')
  const filter = compileFilters({ mirroredRegistries: [`https://${registry}`], registryFilters: [] })
  const { entries, withheld } = await walk([], new Map(), { loose, filter })
  assert.deepEqual(entries, [{ kind: 'content', registry: '', digest: loose }])
  assert.equal(withheld.size, 0)
})

test('an image that an excluded tag leaves behind under its digest stays withheld until a tag that passes names it', async () => {
  const { digest } = byDigest
  const [layer, next] = [named('layer'), named('next')]
  const manifests = new Map([
    [digest, image(layer)],
    [next, index()],
  ])
  const exclusions = new ExcludedImages(secretFilter)
  const left = { digest, reference: byDigest }
  const moved = { digest: next, reference: secretTag }
  const looks = [
    { images: [{ digest, reference: secretTag }, left], told: [] },
    { images: [moved, left], told: [] },
    { images: [left], told: [] },
    { images: [left, { digest, reference: { ...sampleTag, repository: 'another' } }], told: [digest, layer] },
    { images: [left], told: [] },
    { images: [left, { digest, reference: sampleTag }], told: [digest, layer] },
    { images: [left], told: [digest, layer] },
  ]
  for (const [look, { images, told }] of looks.entries()) {
    const { entries, withheld } = await walk(images, manifests, { exclusions })
    assert.deepEqual([...new Set(entries.map(entry => entry.digest))], told, `look ${look}`)
    assert.equal(withheld.has(layer), told.length === 0, `look ${look}`)
  }
})

test('what was left behind is forgotten with its record, and by another store', async () => {
  const { digest } = byDigest
  const manifests = new Map([[digest, index()]])
  const left = { digest, reference: byDigest }
  const exclusions = new ExcludedImages(secretFilter)
  await walk([{ digest, reference: secretTag }, left], manifests, { exclusions })
  assert.deepEqual((await walk([left], manifests, { exclusions })).entries, [])
  assert.equal((await walk([left], manifests, { filter: secretFilter })).entries.length, 1)
  await walk([], manifests, { exclusions })
  assert.equal((await walk([left], manifests, { exclusions })).entries.length, 1)
})
