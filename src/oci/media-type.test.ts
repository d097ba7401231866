import assert from 'node:assert/strict'
import test from 'node:test'
import { gzipSync } from 'node:zlib'
import * as fc from 'fast-check'
import { anyText } from '../../test/arbitraries/hostile-text.ts'
import {
  DOCKER_CONFIG,
  DOCKER_INDEX,
  DOCKER_MANIFEST,
  fingerprintMediaType,
  isIndexMediaType,
  isManifestMediaType,
  isMediaType,
  MAX_MANIFEST_BYTES,
  MAX_MANIFEST_VALUES,
  OCI_CONFIG,
  OCI_INDEX,
  OCI_MANIFEST,
  OCTET_STREAM,
} from './media-type.ts'

const config = { mediaType: OCI_CONFIG, size: 2, digest: 'sha256:0' }
const image = { config, layers: [] }

const fingerprints: readonly (readonly [string, unknown, string])[] = [
  ['an OCI index that says so', { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] }, OCI_INDEX],
  ['an OCI manifest that says so', { schemaVersion: 2, mediaType: OCI_MANIFEST, ...image }, OCI_MANIFEST],
  ['a Docker manifest list', { schemaVersion: 2, mediaType: DOCKER_INDEX, manifests: [] }, DOCKER_INDEX],
  ['a Docker manifest', { schemaVersion: 2, mediaType: DOCKER_MANIFEST, ...image }, DOCKER_MANIFEST],
  [
    'another kind of manifest',
    { mediaType: 'application/vnd.example+json', schemaVersion: 2 },
    'application/vnd.example+json',
  ],
  ['an index without a media type', { schemaVersion: 2, manifests: [] }, OCI_INDEX],
  ['a manifest without a media type', { schemaVersion: 2, ...image }, OCI_MANIFEST],
  ['a manifest whose media type is a number', { schemaVersion: 2, mediaType: 1, ...image }, OCI_MANIFEST],
  [
    'a manifest whose media type would split a header',
    { schemaVersion: 2, mediaType: 'a/b\r\nx: y', ...image },
    OCI_MANIFEST,
  ],
  ['manifest and index at once', { schemaVersion: 2, manifests: [], ...image }, OCTET_STREAM],
  ['a config', { architecture: 'amd64', os: 'linux', rootfs: {}, config: {} }, OCTET_STREAM],
  ['layers without a config', { schemaVersion: 2, layers: [] }, OCTET_STREAM],
  ['a config with layers that are no list', { schemaVersion: 2, config, layers: {} }, OCTET_STREAM],
  ['a descriptor', { mediaType: OCI_MANIFEST, size: 2, digest: 'sha256:0' }, OCTET_STREAM],
  ['an empty object', {}, OCTET_STREAM],
  ['a list', [image], OCTET_STREAM],
  ['null', null, OCTET_STREAM],
]

for (const [what, value, mediaType] of fingerprints) {
  test(`${what} is taken for ${mediaType}`, () => {
    assert.equal(fingerprintMediaType(Buffer.from(JSON.stringify(value))), mediaType)
    assert.equal(fingerprintMediaType(Buffer.from(` \t\r\n${JSON.stringify(value, undefined, 3)}\n`)), mediaType)
  })
}

const index = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [] }))
const opaque: readonly (readonly [string, Uint8Array])[] = [
  ['nothing', Buffer.alloc(0)],
  ['white space', Buffer.from(' \n')],
  ['gzip', gzipSync(index)],
  ['zstd', Buffer.from('28b52ffd0458110000', 'hex')],
  ['a manifest that is cut short', index.subarray(0, -1)],
  ['a manifest after a byte order mark', Buffer.concat([Buffer.from('efbbbf', 'hex'), index])],
  ['a manifest that is no UTF-8', Buffer.from('{"manifests":[],"\xff":0}', 'latin1')],
  ['braces without an end', Buffer.from('{"a":'.repeat(100_000))],
  ['a manifest in UTF-16', Buffer.from(index.toString(), 'utf16le')],
]

for (const [what, content] of opaque) {
  test(`${what} is taken for ${OCTET_STREAM}`, () => assert.equal(fingerprintMediaType(content), OCTET_STREAM))
}

test('content is parsed up to the largest size of a manifest and not beyond', () => {
  const largest = Buffer.alloc(MAX_MANIFEST_BYTES, ' ')
  index.copy(largest)
  assert.equal(fingerprintMediaType(largest), OCI_INDEX)
  assert.equal(fingerprintMediaType(Buffer.concat([largest, Buffer.from(' ')])), OCTET_STREAM)
})

test('any content has a media type that can stand in a header', () => {
  const content = fc.oneof(
    fc.uint8Array(),
    fc.json().map(text => Buffer.from(text)),
    fc
      .record({
        schemaVersion: fc.constant(2),
        mediaType: anyText,
        manifests: fc.array(fc.nat()),
      })
      .map(value => Buffer.from(JSON.stringify(value))),
  )
  fc.assert(fc.property(content, bytes => isMediaType(fingerprintMediaType(bytes))))
})

const kinds = [
  [OCI_INDEX, true, true],
  [DOCKER_INDEX, true, true],
  [OCI_MANIFEST, true, false],
  [DOCKER_MANIFEST, true, false],
  [OCI_CONFIG, false, false],
  [DOCKER_CONFIG, false, false],
  [OCTET_STREAM, false, false],
  [OCI_INDEX.toUpperCase(), false, false],
  ['', false, false],
] as const

for (const [mediaType, manifest, list] of kinds) {
  test(`${mediaType || 'nothing'} is ${manifest ? '' : 'not '}a manifest and ${list ? '' : 'not '}an index`, () => {
    assert.equal(isManifestMediaType(mediaType), manifest)
    assert.equal(isIndexMediaType(mediaType), list)
  })
}

test('a media type is printable ASCII of at most 255 characters', () => {
  for (const text of [OCI_INDEX, 'text/plain; charset=utf-8', 'a'.repeat(255)]) assert.equal(isMediaType(text), true)
  for (const text of ['', ' a/b', 'a/b\n', 'a/b\0', 'ä/b', 'a'.repeat(256)]) assert.equal(isMediaType(text), false)
})

/** An index of as many values: an object, two lists, a member beside the first, and the rest in a list. */
function indexOf(values: number): Buffer {
  return Buffer.from(`{"manifests":[],"x":[0${',0'.repeat(values - 4)}]}`)
}

test('a manifest of too many values is none, however few its bytes, and one of just as many is one', () => {
  assert.equal(fingerprintMediaType(indexOf(MAX_MANIFEST_VALUES)), OCI_INDEX)
  assert.equal(fingerprintMediaType(indexOf(MAX_MANIFEST_VALUES + 1)), OCTET_STREAM)
  const objects = Buffer.from(
    `{"manifests":[],"x":${'{"x":'.repeat(MAX_MANIFEST_VALUES)}0${'}'.repeat(MAX_MANIFEST_VALUES)}}`,
  )
  assert.equal(fingerprintMediaType(objects), OCTET_STREAM)
})
