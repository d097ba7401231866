import type { Log } from '../../observability/log.ts'
import type { Digest } from '../../oci/digest.ts'
import { childDigests } from '../../oci/manifest.ts'
import { parseReference, type Reference } from '../../oci/reference.ts'
import { ContentNotFoundError } from '../errors.ts'
import type { NamedImage } from '../excluded-images.ts'
import type { CallOptions } from '../store.ts'
import type { BlobDirectory } from './blob-directory.ts'
import type { ManifestReader } from './manifest-reader.ts'
import type { ChangedContent, Changes, PendingChanges } from './pending-changes.ts'
import type { Containerd, ImageRecord } from './services.ts'

/** Most pieces of content that are listed; more are served but not told. */
const MAX_LISTED = 200_000
/** Most images that are listed. */
const MAX_IMAGES = 20_000
/** How many calls to containerd are under way at once. */
const PARALLEL_CALLS = 8
/** Most missing parts of one image that are asked for one by one; for more, everything is listed. */
const MAX_MISSING_PARTS = 256

export interface InventoryComponents {
  readonly containerd: Pick<Containerd, 'images' | 'content'>
  readonly manifests: ManifestReader
  /** Undefined where it can't be read; content is then what containerd says it is. */
  readonly blobs: BlobDirectory | undefined
  /** Is told what to look at again. */
  readonly pending: PendingChanges
  readonly log: Log
}

/** The images and content of one containerd namespace, as they were when they were last looked at. */
export class Inventory {
  readonly #images = new Map<string, NamedImage>()
  readonly #held = new Set<Digest>()
  readonly #components: InventoryComponents

  constructor(components: InventoryComponents) {
    this.#components = components
  }

  get images(): readonly NamedImage[] {
    return [...this.#images.values()]
  }

  /** Content that is recorded in the namespace and, where the directory can be read, is there. */
  get held(): ReadonlySet<Digest> {
    return this.#held
  }

  /**
   * Looks at what may have changed.
   * @throws {ContainerdUnavailableError | ContainerdError} Some of it has been looked at then.
   */
  async update(changes: Changes, options: CallOptions): Promise<void> {
    if (changes.everything) {
      await this.#listContent(options)
      this.#listImages(await this.#components.containerd.images.list(options))
    }
    await eachInParallel(changes.content, content => this.#lookAtContent(content, options))
    for (const name of changes.images) await this.#lookAtImage(name, options)
  }

  #listImages(records: readonly ImageRecord[]): void {
    const seen = new Set<string>()
    for (const record of records.slice(0, MAX_IMAGES)) {
      seen.add(record.name)
      this.#noteImage(record)
    }
    for (const name of this.#images.keys()) if (!seen.has(name)) this.#images.delete(name)
    if (records.length > MAX_IMAGES) this.#components.log.warn('containerd has too many images', { limit: MAX_IMAGES })
  }

  async #listContent(options: CallOptions): Promise<void> {
    const { containerd, log } = this.#components
    const listed = new Set<Digest>()
    for await (const { digest } of containerd.content.list(options)) {
      if (listed.size === MAX_LISTED) {
        log.warn('containerd holds too much to be told', { limit: MAX_LISTED })
        break
      }
      listed.add(digest)
    }
    const files = await this.#listFiles(listed)
    for (const digest of this.#held) if (!listed.has(digest)) this.#held.delete(digest)
    for (const digest of listed) {
      if (files?.has(digest) === false) this.#held.delete(digest)
      else this.#held.add(digest)
    }
  }

  /** The files there are; undefined where that can't be known. */
  async #listFiles(listed: ReadonlySet<Digest>): Promise<ReadonlySet<Digest> | undefined> {
    const { blobs, log } = this.#components
    if (blobs === undefined) return undefined
    try {
      const files = await blobs.list()
      if (listed.size > 0 && !listed.values().some(digest => files.has(digest))) {
        log.warn('none of the content that containerd lists is in the content directory', { directory: blobs.root })
      }
      return files
    } catch (error) {
      log.warn('the content directory cannot be listed', { directory: blobs.root, error })
      return undefined
    }
  }

  async #lookAtContent(content: ChangedContent, options: CallOptions): Promise<void> {
    const { digest } = content
    if (!(await this.#isFile(digest))) {
      this.#held.delete(digest)
    } else if (await this.#isRecorded(digest, options)) {
      this.#held.add(digest)
    } else {
      this.#held.delete(digest)
      this.#components.pending.addRecheck(content)
    }
  }

  async #isFile(digest: Digest): Promise<boolean> {
    const { blobs } = this.#components
    return blobs === undefined || (await blobs.has(digest))
  }

  async #isRecorded(digest: Digest, options: CallOptions): Promise<boolean> {
    try {
      await this.#components.containerd.content.info(digest, options)
      return true
    } catch (error) {
      if (error instanceof ContentNotFoundError) return false
      throw error
    }
  }

  async #lookAtImage(name: string, options: CallOptions): Promise<void> {
    if (referenceOf(name) === undefined) return
    try {
      const record = await this.#components.containerd.images.get(name, options)
      this.#noteImage(record)
      await this.#findParts(record.target.digest, options)
    } catch (error) {
      if (!(error instanceof ContentNotFoundError)) throw error
      this.#images.delete(name)
    }
  }

  #noteImage({ name, target: { digest } }: ImageRecord): void {
    const known = this.#images.get(name)
    if (known?.digest === digest) return
    const reference = known?.reference ?? referenceOf(name)
    if (reference !== undefined) this.#images.set(name, { reference, digest })
  }

  /** Looks for parts of an image that came without a word: another namespace had them, or the directory isn't watched. */
  async #findParts(root: Digest, options: CallOptions): Promise<void> {
    const seen = new Set<Digest>()
    let level: readonly Digest[] = [root]
    while (level.length > 0) {
      await this.#findMissing(level, options)
      const [next, parts] = [new Set<Digest>(), new Set<Digest>()]
      for (const digest of level) {
        seen.add(digest)
        const manifest = this.#held.has(digest) ? await this.#components.manifests.read(digest, options) : undefined
        if (manifest === undefined) continue
        const children = manifest.kind === 'index' ? next : parts
        for (const child of childDigests(manifest)) children.add(child)
      }
      await this.#findMissing(parts, options)
      level = [...next].filter(digest => !seen.has(digest))
    }
  }

  async #findMissing(digests: Iterable<Digest>, options: CallOptions): Promise<void> {
    const missing = [...digests].filter(digest => !this.#held.has(digest))
    if (missing.length > MAX_MISSING_PARTS) return this.#components.pending.addEverything()
    await eachInParallel(missing, async digest => {
      if ((await this.#isFile(digest)) && (await this.#isRecorded(digest, options))) this.#held.add(digest)
    })
  }
}

/** What an image name refers to; undefined where it is no reference, such as the id that CRI also names an image by. */
function referenceOf(name: string): Reference | undefined {
  try {
    return parseReference(name)
  } catch {
    return undefined
  }
}

async function eachInParallel<T>(items: readonly T[], visit: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values()
  const work = async (): Promise<void> => {
    for (const item of queue) await visit(item)
  }
  await Promise.all(Array.from({ length: PARALLEL_CALLS }, work))
}
