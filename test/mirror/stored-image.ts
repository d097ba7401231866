import { digestOf } from '../../src/oci/digest.ts'
import type { Store } from '../../src/store/store.ts'
import { sampleImage, sampleTag } from '../contracts/sample-image.ts'
import { MemoryStore } from '../fakes/memory-store.ts'

export const image = sampleImage()
export const manifest = image.manifest.content
export const [layer = Buffer.of()] = image.layers.map(({ content }) => content)
export const { registry, repository, tag } = sampleTag
export const ns = `ns=${encodeURIComponent(registry)}`
export const byTag = `/v2/${repository}/manifests/${tag}?${ns}`
export const byDigest = `/v2/${repository}/manifests/${digestOf(manifest)}?${ns}`
export const blob = `/v2/${repository}/blobs/${digestOf(layer)}?${ns}`
export const asPeer = { 'x-spegel-mirrored': 'true' }

export function storeWithImage(): MemoryStore {
  const store = new MemoryStore()
  for (const { content } of [image.config, ...image.layers, image.manifest]) store.put(content)
  store.tag(sampleTag, digestOf(manifest))
  return store
}

/** `store` with some of its calls replaced. */
export function overriding(store: Store, calls: Partial<Store>): Store {
  return {
    resolve: (reference, options) => store.resolve(reference, options),
    describe: (digest, options) => store.describe(digest, options),
    open: (digest, options) => store.open(digest, options),
    ...calls,
  }
}
