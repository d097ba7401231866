import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Digest, digestOf } from '../oci/digest.ts'
import type { Manifest } from '../oci/manifest.ts'
import { OCI_INDEX, OCI_MANIFEST } from '../oci/media-type.ts'
import { ManifestCache } from './manifest-cache.ts'

function named(text: string): Digest {
  return digestOf(Buffer.from(text))
}

/** An index of `count` manifests. */
function index(count: number): Manifest {
  const entry = { digest: named('child'), size: 1, mediaType: OCI_MANIFEST }
  return { kind: 'index', mediaType: OCI_INDEX, manifests: Array.from({ length: count }, () => entry) }
}

test('manifests go in the order they were last used once they hold more than 50 000 descriptors in all', () => {
  const cache = new ManifestCache()
  for (const name of ['a', 'b', 'c', 'd', 'e']) cache.set(named(name), index(9_999))
  assert.ok(cache.get(named('a')) !== undefined)
  cache.set(named('f'), index(9_999))
  assert.equal(cache.get(named('b')), undefined)
  cache.set(named('f'), index(20_000))
  const kept = ['a', 'c', 'd', 'e', 'f'].filter(name => cache.get(named(name)) !== undefined)
  assert.deepEqual(kept, ['a', 'e', 'f'])
})

test('a manifest larger than the whole cache is not kept', () => {
  const cache = new ManifestCache()
  cache.set(named('huge'), index(50_000))
  assert.equal(cache.get(named('huge')), undefined)
  cache.set(named('next'), index(49_999))
  assert.ok(cache.get(named('next')) !== undefined)
})
