import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleTag } from '../../test/contracts/sample-image.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { type Digest, digestOf } from '../oci/digest.ts'
import type { Manifest } from '../oci/manifest.ts'
import { OCI_INDEX, OCI_LAYER, OCI_MANIFEST } from '../oci/media-type.ts'
import { EntryTracker } from './entry-tracker.ts'
import { type RootImage, walkImages } from './image-walk.ts'

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

/** Walks; what is no manifest of `manifests` but a child of one is held too, unless it is `missing`. */
async function walk(images: readonly RootImage[], manifests: ReadonlyMap<Digest, Manifest>, missing?: Digest) {
  const reads: Digest[] = []
  const held = new Set<Digest>()
  for (const [digest, manifest] of manifests) {
    held.add(digest)
    const children = manifest.kind === 'index' ? manifest.manifests : [manifest.config, ...manifest.layers]
    for (const child of children) held.add(child.digest)
  }
  if (missing !== undefined) held.delete(missing)
  const readManifest = async (digest: Digest): Promise<Manifest | undefined> => {
    reads.push(digest)
    return manifests.get(digest)
  }
  const [snapshot] = await new EntryTracker().look(tell => walkImages({ images, held, readManifest }, tell))
  return { entries: snapshot?.entries ?? [], reads }
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
  assert.deepEqual(reads, [a, b, layer])
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
  const { entries } = await walk([{ digest: root, reference: sampleTag }], manifests, layer)
  assert.ok(entries.every(entry => entry.digest !== layer))
})

test('an image named by digest has no tag', async () => {
  const root = named('root')
  const reference = { kind: 'digest', registry, repository: 'r', digest: root } as const
  const { entries } = await walk([{ digest: root, reference }], new Map([[root, index()]]))
  assert.deepEqual(entries, [{ kind: 'image', registry, digest: root }])
})
