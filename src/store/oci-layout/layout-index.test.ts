import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { digestOf } from '../../oci/digest.ts'
import { OCI_MANIFEST } from '../../oci/media-type.ts'
import { formatReference } from '../../oci/reference.ts'
import { LayoutError } from './errors.ts'
import { MAX_INDEX_ENTRIES, parseLayoutIndex } from './layout-index.ts'

const descriptor = { mediaType: OCI_MANIFEST, digest: digestOf(Buffer.from('manifest')), size: 100 }
const NAME = 'io.containerd.image.name'
const REF = 'org.opencontainers.image.ref.name'

function parse(...entries: readonly unknown[]) {
  return parseLayoutIndex(Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: entries })), 'index.json')
}

for (const [annotations, name] of [
  [{ [NAME]: 'docker.io/library/a:1', [REF]: '1' }, 'docker.io/library/a:1'],
  [{ [NAME]: 'docker.io/library/a:1', [REF]: 'ghcr.io/b:2' }, 'docker.io/library/a:1'],
  [{ [NAME]: 'not a name', [REF]: 'ghcr.io/b:2' }, 'ghcr.io/b:2'],
  [{ [REF]: 'ghcr.io/b:2' }, 'ghcr.io/b:2'],
  [{ [REF]: `ghcr.io/b@${descriptor.digest}` }, `ghcr.io/b@${descriptor.digest}`],
  [{ [REF]: 'latest' }, undefined],
  [{ [REF]: 'library/a:1' }, undefined],
  [{ [REF]: 7 }, undefined],
  [{}, undefined],
  [undefined, undefined],
  ['text', undefined],
] as const) {
  test(`annotations ${JSON.stringify(annotations)} name ${name ?? 'nothing'}`, () => {
    const [image] = parse({ ...descriptor, annotations })
    assert.deepEqual(image?.descriptor, descriptor)
    assert.equal(image?.reference && formatReference(image.reference), name)
  })
}

test('entries that are no descriptors are left out, the others stay', () => {
  const broken = [
    null,
    'text',
    [],
    {},
    { ...descriptor, digest: 'sha256:../../etc/passwd' },
    { ...descriptor, digest: 7 },
    { ...descriptor, size: -1 },
    { ...descriptor, size: 1.5 },
    { ...descriptor, size: '100' },
    { ...descriptor, mediaType: 'a\r\nb' },
    { ...descriptor, mediaType: undefined },
  ]
  assert.equal(parse(...broken, descriptor, ...broken).length, 1)
})

test('an index with too many entries is refused', () => {
  assert.equal(parse(...Array.from({ length: MAX_INDEX_ENTRIES }, () => descriptor)).length, MAX_INDEX_ENTRIES)
  assert.throws(() => parse(...Array.from({ length: MAX_INDEX_ENTRIES + 1 }, () => descriptor)), LayoutError)
})

test('any content is parsed or refused as a layout error', () => {
  const anything = fc.oneof(
    fc.uint8Array().map(bytes => Buffer.from(bytes)),
    fc.json().map(text => Buffer.from(text)),
    fc.array(fc.jsonValue()).map(manifests => Buffer.from(JSON.stringify({ manifests }))),
  )
  fc.assert(
    fc.property(anything, content => {
      try {
        parseLayoutIndex(content, 'index.json')
      } catch (error) {
        assert.ok(error instanceof LayoutError)
      }
    }),
  )
})
