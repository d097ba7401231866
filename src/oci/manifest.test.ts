import assert from 'node:assert/strict'
import test from 'node:test'
import * as fc from 'fast-check'
import { digests } from '../../test/arbitraries/references.ts'
import { digestOf } from './digest.ts'
import { InvalidManifestError } from './errors.ts'
import {
  childDigests,
  type ImageManifest,
  type Index,
  MAX_DESCRIPTORS,
  type Manifest,
  parseManifest,
} from './manifest.ts'
import {
  DOCKER_CONFIG,
  DOCKER_INDEX,
  DOCKER_MANIFEST,
  MAX_MANIFEST_BYTES,
  OCI_CONFIG,
  OCI_INDEX,
  OCI_LAYER_GZIP,
  OCI_MANIFEST,
} from './media-type.ts'

const config = { mediaType: OCI_CONFIG, digest: digestOf(Buffer.from('config')), size: 6 }
const layer = { mediaType: OCI_LAYER_GZIP, digest: digestOf(Buffer.from('layer')), size: 5 }
const child = { mediaType: OCI_MANIFEST, digest: digestOf(Buffer.from('manifest')), size: 8 }
const image = { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [layer] }
const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [child] }

function encode(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value))
}

test('an image manifest has a config and layers', () => {
  assert.deepEqual(parseManifest(encode(image)), { kind: 'image', mediaType: OCI_MANIFEST, config, layers: [layer] })
})

test('a Docker manifest keeps its media type', () => {
  const docker = { ...image, mediaType: DOCKER_MANIFEST, config: { ...config, mediaType: DOCKER_CONFIG } }
  assert.deepEqual(parseManifest(encode(docker)), {
    kind: 'image',
    mediaType: DOCKER_MANIFEST,
    config: docker.config,
    layers: [layer],
  })
})

test('what says nothing of itself is told by its shape', () => {
  const { mediaType: _image, ...plainImage } = image
  const { mediaType: _index, ...plainIndex } = index
  assert.equal(parseManifest(encode(plainImage)).mediaType, OCI_MANIFEST)
  assert.equal(parseManifest(encode(plainIndex)).mediaType, OCI_INDEX)
})

test('members that the mirror has no use for are dropped', () => {
  const annotated = { ...layer, annotations: { a: 'b' }, urls: ['https://x.io'] }
  assert.deepEqual(
    parseManifest(encode({ ...image, layers: [annotated], annotations: {} })),
    parseManifest(encode(image)),
  )
})

const platforms = [
  [
    { os: 'linux', architecture: 'arm64', variant: 'v8' },
    { os: 'linux', architecture: 'arm64', variant: 'v8' },
  ],
  [
    { os: 'windows', architecture: 'amd64', 'os.version': '10.0' },
    { os: 'windows', architecture: 'amd64' },
  ],
  [
    { os: 'linux', architecture: 'amd64', variant: '' },
    { os: 'linux', architecture: 'amd64' },
  ],
  [{ os: 'linux' }, undefined],
  [{ architecture: 'amd64' }, undefined],
  [{ os: 1, architecture: 'amd64' }, undefined],
  [null, undefined],
  ['linux/amd64', undefined],
] as const

for (const [given, expected] of platforms) {
  test(`an index entry for ${JSON.stringify(given)} has the platform ${JSON.stringify(expected)}`, () => {
    const entry = expected === undefined ? child : { ...child, platform: expected }
    const manifest = parseManifest(
      encode({ ...index, mediaType: DOCKER_INDEX, manifests: [{ ...child, platform: given }] }),
    )
    assert.deepEqual(manifest, { kind: 'index', mediaType: DOCKER_INDEX, manifests: [entry] })
  })
}

const rejected: readonly (readonly [string, unknown, RegExp])[] = [
  ['an empty object', {}, /neither a manifest nor an index/],
  ['a list', [], /not a JSON object/],
  ['null', null, /not a JSON object/],
  ['a text', 'manifest', /not a JSON object/],
  ['a schema 1 manifest', { schemaVersion: 1, name: 'a', fsLayers: [] }, /neither a manifest nor an index/],
  ['another kind of manifest', { ...image, mediaType: 'application/vnd.example+json' }, /unsupported media type/],
  ['an index with layers', { ...index, layers: [] }, /an index with a config or layers/],
  ['an index with a config', { ...index, config: null }, /an index with a config or layers/],
  ['an image manifest with manifests', { ...image, manifests: [] }, /an image manifest with a list of manifests/],
  ['an index without manifests', { ...index, manifests: undefined }, /manifests is not a list/],
  ['an image manifest without layers', { ...image, layers: undefined }, /layers is not a list/],
  ['an image manifest without a config', { ...image, config: undefined }, /config is not a descriptor/],
  ['a layer that is null', { ...image, layers: [layer, null] }, /layers\[1\] is not a descriptor/],
  [
    'a layer without a digest',
    { ...image, layers: [{ ...layer, digest: undefined }] },
    /layers\[0\] has no valid digest/,
  ],
  ['a layer with an unknown algorithm', { ...image, layers: [{ ...layer, digest: 'md5:0' }] }, /no valid digest/],
  ['a layer without a size', { ...image, layers: [{ ...layer, size: undefined }] }, /no valid size/],
  ['a layer whose size is a text', { ...image, layers: [{ ...layer, size: '5' }] }, /no valid size/],
  ['a layer of negative size', { ...image, layers: [{ ...layer, size: -1 }] }, /no valid size/],
  ['a layer of half a byte', { ...image, layers: [{ ...layer, size: 0.5 }] }, /no valid size/],
  ['a layer of 2^53 bytes', { ...image, layers: [{ ...layer, size: 2 ** 53 }] }, /no valid size/],
  [
    'a config without a media type',
    { ...image, config: { ...config, mediaType: undefined } },
    /config has no valid media/,
  ],
  [
    'a config whose media type breaks lines',
    { ...image, config: { ...config, mediaType: 'a\n' } },
    /no valid media type/,
  ],
  [
    'an entry without a size',
    { ...index, manifests: [child, { ...child, size: null }] },
    /manifests\[1\] has no valid size/,
  ],
]

for (const [what, value, message] of rejected) {
  test(`${what} is no manifest`, () => {
    assert.throws(
      () => parseManifest(encode(value)),
      error => error instanceof InvalidManifestError && message.test(error.message),
    )
  })
}

test('a manifest may have the largest size and no more', () => {
  const largest = Buffer.alloc(MAX_MANIFEST_BYTES, ' ')
  largest.set(encode(image))
  assert.equal(parseManifest(largest).kind, 'image')
  assert.throws(() => parseManifest(Buffer.concat([largest, Buffer.from(' ')])), /larger than 4194304 bytes/)
})

test('a manifest may have the most descriptors and no more', () => {
  const minimal = { mediaType: 'a', digest: layer.digest, size: 0 }
  const most: readonly unknown[] = Array.from({ length: MAX_DESCRIPTORS }, () => minimal)
  assert.equal(childDigests(parseManifest(encode({ ...image, layers: most }))).length, 2)
  assert.throws(() => parseManifest(encode({ ...image, layers: [...most, minimal] })), /more than 10000 layers/)
})

test('deep nesting is an InvalidManifestError', () => {
  assert.throws(() => parseManifest(Buffer.from('{"a":'.repeat(500_000))), InvalidManifestError)
  assert.throws(() => parseManifest(Buffer.from('['.repeat(MAX_MANIFEST_BYTES))), InvalidManifestError)
})

test('children are listed once each, in order', () => {
  const emptyLayer = { mediaType: OCI_LAYER_GZIP, digest: digestOf(Buffer.alloc(0)), size: 0 }
  const manifest = parseManifest(encode({ ...image, layers: [layer, emptyLayer, layer, emptyLayer] }))
  assert.deepEqual(childDigests(manifest), [config.digest, layer.digest, emptyLayer.digest])
  assert.deepEqual(childDigests(parseManifest(encode({ ...index, manifests: [child, child] }))), [child.digest])
})

const descriptors = fc.record(
  { mediaType: fc.stringMatching(/^[a-z]{1,9}\/[a-z.+]{1,20}$/), digest: digests, size: fc.maxSafeNat() },
  { noNullPrototype: true },
)
const platform = fc.record({ os: fc.string(), architecture: fc.string() }, { noNullPrototype: true })
const manifests: fc.Arbitrary<Manifest> = fc.oneof(
  fc
    .tuple(fc.constantFrom(OCI_MANIFEST, DOCKER_MANIFEST), descriptors, fc.array(descriptors))
    .map(([mediaType, config, layers]): ImageManifest => ({ kind: 'image', mediaType, config, layers })),
  fc
    .tuple(fc.constantFrom(OCI_INDEX, DOCKER_INDEX), fc.array(fc.tuple(descriptors, platform)))
    .map(([mediaType, entries]): Index => {
      return { kind: 'index', mediaType, manifests: entries.map(([entry, platform]) => ({ ...entry, platform })) }
    }),
)

test('a manifest that is written as JSON parses to itself', () => {
  fc.assert(
    fc.property(manifests, manifest => {
      const { kind: _kind, ...members } = manifest
      assert.deepEqual(parseManifest(encode({ schemaVersion: 2, ...members })), manifest)
    }),
  )
})

test('any content is a manifest or an InvalidManifestError', () => {
  const broken = fc
    .tuple(manifests, fc.constantFrom('config', 'layers', 'manifests', 'mediaType', 'schemaVersion'), fc.jsonValue())
    .map(([manifest, field, value]) => encode({ schemaVersion: 2, ...manifest, [field]: value }))
  fc.assert(
    fc.property(
      fc.oneof(
        broken,
        fc.uint8Array(),
        fc.json().map(text => Buffer.from(text)),
      ),
      content => {
        try {
          parseManifest(content)
        } catch (error) {
          assert.ok(error instanceof InvalidManifestError)
        }
      },
    ),
  )
})
