import type { Log } from '../../observability/log.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { type Digest, type DigestAlgorithm, isDigest, matchesDigest } from '../../oci/digest.ts'
import { type Manifest, parseManifest } from '../../oci/manifest.ts'
import { MAX_MANIFEST_BYTES } from '../../oci/media-type.ts'
import type { ReferenceFilter } from '../../oci/registry-filter.ts'
import {
  blobDirectory,
  blobPath,
  DIGEST_ALGORITHMS,
  listInside,
  readInside,
} from '../content-directory/content-files.ts'
import type { TellEntry } from '../entry-tracker.ts'
import { ExcludedImages } from '../excluded-images.ts'
import { walkImages } from '../image-walk.ts'
import { ManifestCache } from '../manifest-cache.ts'
import type { CallOptions } from '../store.ts'
import { WithheldContent } from '../withheld-content.ts'
import { IndexFile } from './index-file.ts'
import type { LayoutImage } from './layout-index.ts'

/** Most pieces of content that are listed; more are served but not told. */
const MAX_LISTED = 200_000

export interface LayoutScannerComponents {
  readonly filter: ReferenceFilter
  readonly log: Log
}

/** Finds out what is in a set of layouts, and remembers what their images say of their content. */
export class LayoutScanner {
  readonly withheld: WithheldContent
  readonly #exclusions: ExcludedImages
  readonly #roots: readonly string[]
  readonly #indexes: readonly IndexFile[]
  readonly #log: Log
  readonly #manifests = new ManifestCache()
  /** All content, and the number of the scan that saw it last. Kept, because a new set for each scan is much garbage. */
  readonly #held = new Map<Digest, number>()
  #descriptors: ReadonlyMap<Digest, Descriptor> = new Map()
  #scans = 0
  #lastScan: Promise<void> = Promise.resolve()

  constructor(roots: readonly string[], { filter, log }: LayoutScannerComponents) {
    this.withheld = new WithheldContent(filter)
    this.#exclusions = new ExcludedImages(filter)
    this.#roots = roots
    this.#indexes = roots.map(root => new IndexFile(root, log))
    this.#log = log
  }

  /** What the images of the last scan say of content that was there then. */
  descriptor(digest: Digest): Descriptor | undefined {
    return this.#descriptors.get(digest)
  }

  /** The images of all layouts as they are listed at this moment, in the order of the layouts. */
  async images(): Promise<readonly LayoutImage[]> {
    const lists = await Promise.all(this.#indexes.map(index => index.read()))
    return lists.flat()
  }

  /** Tells all that the layouts hold. What can't be read is logged and left out. Scans are made one after the other. */
  scan(tell: TellEntry, { signal }: CallOptions): Promise<void> {
    const scan = this.#lastScan.then(() => this.#scan(tell, signal))
    this.#lastScan = scan.catch(() => {})
    return scan
  }

  async #scan(tell: TellEntry, signal: AbortSignal): Promise<void> {
    await this.#list(signal)
    const images = await this.images()
    const descriptors = new Map<Digest, Descriptor>()
    const note = (descriptor: Descriptor): void => {
      const { digest } = descriptor
      if (this.#held.has(digest) && !descriptors.has(digest)) descriptors.set(digest, descriptor)
    }
    for (const image of images) note(image.descriptor)
    const readManifest = async (digest: Digest): Promise<Manifest | undefined> => {
      signal.throwIfAborted()
      const manifest = await this.#readManifest(digest)
      if (manifest?.kind === 'index') manifest.manifests.forEach(note)
      else if (manifest !== undefined) [manifest.config, ...manifest.layers].forEach(note)
      return manifest
    }
    const inventory = { images, held: this.#held, exclusions: this.#exclusions, readManifest }
    this.withheld.replace(await walkImages(inventory, tell))
    this.#descriptors = descriptors
  }

  /** Brings `#held` up to date. */
  async #list(signal: AbortSignal): Promise<void> {
    this.#scans += 1
    for (const root of this.#roots) {
      for (const algorithm of DIGEST_ALGORITHMS) {
        signal.throwIfAborted()
        try {
          await this.#listBlobs(root, algorithm)
        } catch (error) {
          this.#log.warn('image layout content cannot be listed', { layout: root, error })
        }
      }
    }
    if (this.#held.size >= MAX_LISTED) this.#log.warn('image layouts hold too much to be told', { limit: MAX_LISTED })
    for (const [digest, seenIn] of this.#held) if (seenIn !== this.#scans) this.#held.delete(digest)
  }

  async #listBlobs(root: string, algorithm: DigestAlgorithm): Promise<void> {
    for await (const entry of listInside(root, blobDirectory(algorithm))) {
      const digest = `${algorithm}:${entry.name}`
      if (!entry.isFile() || !isDigest(digest)) continue
      if (this.#held.size < MAX_LISTED || this.#held.has(digest)) this.#held.set(digest, this.#scans)
    }
  }

  async #readManifest(digest: Digest): Promise<Manifest | undefined> {
    const cached = this.#manifests.get(digest)
    if (cached !== undefined) return cached
    for (const root of this.#roots) {
      try {
        const content = await readInside(root, blobPath(digest), MAX_MANIFEST_BYTES)
        if (content === undefined || !matchesDigest(content, digest)) continue
        const manifest = parseManifest(content)
        this.#manifests.set(digest, manifest)
        return manifest
      } catch (error) {
        this.#log.debug('listed as a manifest, but none', { layout: root, digest, error })
      }
    }
    return undefined
  }
}
