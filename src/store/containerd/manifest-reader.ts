import type { Log } from '../../observability/log.ts'
import { type Digest, matchesDigest } from '../../oci/digest.ts'
import { InvalidManifestError } from '../../oci/errors.ts'
import { type Manifest, parseManifest } from '../../oci/manifest.ts'
import { MAX_MANIFEST_BYTES } from '../../oci/media-type.ts'
import { ManifestCache } from '../manifest-cache.ts'
import { readFully } from '../read-fully.ts'
import type { CallOptions } from '../store.ts'
import { ContainerdUnavailableError } from './errors.ts'
import type { ContentAccess } from './services.ts'

/** Most digests that are remembered as no manifest. */
const MAX_KNOWN_AS_NONE = 10_000

/** Reads the manifests that images consist of, and remembers them. */
export class ManifestReader {
  readonly #content: Pick<ContentAccess, 'open'>
  readonly #log: Log
  readonly #manifests = new ManifestCache()
  /** Images may be anything, such as manifests of a kind that is no longer in use. */
  readonly #knownAsNone = new Set<Digest>()

  constructor({ content, log }: { readonly content: Pick<ContentAccess, 'open'>; readonly log: Log }) {
    this.#content = content
    this.#log = log
  }

  /**
   * The manifest or index of that digest; undefined where the content is none, or can't be read.
   * @throws {ContainerdUnavailableError}
   */
  async read(digest: Digest, { signal }: CallOptions): Promise<Manifest | undefined> {
    const cached = this.#manifests.get(digest)
    if (cached !== undefined || this.#knownAsNone.has(digest)) return cached
    try {
      const content = await this.#readContent(digest, { signal })
      if (!matchesDigest(content, digest)) throw new InvalidManifestError('does not match its digest')
      const manifest = parseManifest(content)
      this.#manifests.set(digest, manifest)
      return manifest
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof ContainerdUnavailableError) throw error
      if (error instanceof InvalidManifestError && this.#knownAsNone.size < MAX_KNOWN_AS_NONE) {
        this.#knownAsNone.add(digest)
      }
      this.#log.debug('an image names what is no manifest, or cannot be read', { digest, error })
      return undefined
    }
  }

  async #readContent(digest: Digest, options: CallOptions): Promise<Buffer> {
    const blob = await this.#content.open(digest, options)
    try {
      if (blob.size > MAX_MANIFEST_BYTES) throw new InvalidManifestError(`larger than ${MAX_MANIFEST_BYTES} bytes`)
      const content = Buffer.alloc(blob.size)
      return content.subarray(0, await readFully(blob, content))
    } finally {
      await blob.close()
    }
  }
}
