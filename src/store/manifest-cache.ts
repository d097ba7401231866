import type { Digest } from '../oci/digest.ts'
import type { Manifest } from '../oci/manifest.ts'

/** Most descriptors that the cached manifests hold in all; some 10 MB. */
const MAX_CACHED_DESCRIPTORS = 50_000

function weigh(manifest: Manifest): number {
  return 1 + (manifest.kind === 'index' ? manifest.manifests.length : 1 + manifest.layers.length)
}

/** Parsed manifests, least recently used first to go. What a digest means never changes, so nothing expires. */
export class ManifestCache {
  readonly #manifests = new Map<Digest, Manifest>()
  #descriptors = 0

  get(digest: Digest): Manifest | undefined {
    const manifest = this.#manifests.get(digest)
    if (manifest === undefined) return undefined
    this.#manifests.delete(digest)
    this.#manifests.set(digest, manifest)
    return manifest
  }

  set(digest: Digest, manifest: Manifest): void {
    this.#delete(digest)
    this.#manifests.set(digest, manifest)
    this.#descriptors += weigh(manifest)
    for (const oldest of this.#manifests.keys()) {
      if (this.#descriptors <= MAX_CACHED_DESCRIPTORS) return
      this.#delete(oldest)
    }
  }

  #delete(digest: Digest): void {
    const manifest = this.#manifests.get(digest)
    if (manifest === undefined) return
    this.#manifests.delete(digest)
    this.#descriptors -= weigh(manifest)
  }
}
