import { mkdir, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { replaceFile } from '../../files/replace-file.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { type Digest, matchesDigest } from '../../oci/digest.ts'
import { MAX_MANIFEST_BYTES } from '../../oci/media-type.ts'
import type { Reference } from '../../oci/reference.ts'
import {
  blobDirectory,
  blobPath,
  INGEST_DIRECTORY,
  isMissing,
  openBlob,
  readInside,
} from '../content-directory/content-files.ts'
import { INGEST_FILES, listIngests, readIngest } from '../content-directory/ingest.ts'
import type { CallOptions } from '../store.ts'
import { LayoutError } from './errors.ts'
import { EMPTY_INDEX, IndexWriter } from './index-writer.ts'
import { INDEX_FILE } from './layout-index.ts'
import { type StagedContent, StagedDownload } from './staged-download.ts'

/** A staged download that nothing was added to for this long is not going to be resumed. */
const STALE_INGEST_MS = 24 * 3600 * 1000

/** Marks a directory as an image layout. */
const LAYOUT_FILE = 'oci-layout'
const LAYOUT_VERSION = `${JSON.stringify({ imageLayoutVersion: '1.0.0' })}\n`

/**
 * Adds content and image names to one image layout. A layout has one writing process at a time: two at once can lose
 * each other's names, and spoil each other's downloads of the same content.
 */
export class LayoutWriter {
  readonly #root: string
  readonly #index: IndexWriter
  readonly #active = new Set<Digest>()

  private constructor(root: string) {
    this.#root = root
    this.#index = new IndexWriter(root)
  }

  /**
   * Makes `root` an image layout. Where it is one already, downloads that were left behind long ago are removed.
   * @throws {LayoutError} where it can't be made or written to
   */
  static async open(root: string): Promise<LayoutWriter> {
    try {
      // What another kind of directory has under `ingest/` is none of ours.
      if (await exists(path.join(root, LAYOUT_FILE))) await removeStale(root)
      await mkdir(path.join(root, blobDirectory('sha256')), { recursive: true })
      await mkdir(path.join(root, INGEST_DIRECTORY), { recursive: true })
      await writeIfMissing(path.join(root, LAYOUT_FILE), LAYOUT_VERSION)
      await writeIfMissing(path.join(root, INDEX_FILE), EMPTY_INDEX)
    } catch (cause) {
      throw new LayoutError(root, 'cannot be used as an image layout', { cause })
    }
    return new LayoutWriter(root)
  }

  /** Whether all of `content` is committed; it is not read. */
  async has({ digest, size }: StagedContent): Promise<boolean> {
    const opened = await openBlob(this.#root, digest)
    await opened?.handle.close()
    return opened?.stat.size === size
  }

  /** A committed manifest; undefined where it is missing or damaged. */
  async readManifest(digest: Digest): Promise<Buffer | undefined> {
    const content = await readInside(this.#root, blobPath(digest), MAX_MANIFEST_BYTES)
    return content !== undefined && matchesDigest(content, digest) ? content : undefined
  }

  /**
   * Begins the download of `content`, or resumes what an earlier one left staged. The caller commits, aborts or disposes.
   * @throws {LayoutError} where the same content is being downloaded already
   */
  async begin(content: StagedContent, { signal }: CallOptions): Promise<StagedDownload> {
    signal.throwIfAborted()
    const { digest } = content
    if (this.#active.has(digest)) throw new LayoutError(this.#root, `${digest} is being downloaded already`)
    this.#active.add(digest)
    try {
      return await StagedDownload.open(this.#root, content, () => this.#active.delete(digest))
    } catch (error) {
      this.#active.delete(digest)
      throw error
    }
  }

  /**
   * Gives the image of `descriptor` a name. All that was committed before is found through it from then on.
   * @throws {LayoutError} where `index.json` is no index
   */
  async name(reference: Reference, descriptor: Descriptor, { signal }: CallOptions): Promise<void> {
    signal.throwIfAborted()
    await this.#index.name(reference, descriptor)
  }
}

async function exists(file: string): Promise<boolean> {
  return (await modifiedMs(file)) !== undefined
}

async function writeIfMissing(file: string, content: string): Promise<void> {
  if (!(await exists(file))) await replaceFile(file, content)
}

async function modifiedMs(file: string): Promise<number | undefined> {
  try {
    return (await stat(file)).mtimeMs
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

async function removeStale(root: string): Promise<void> {
  for (const directory of await listIngests(root)) {
    const data = await modifiedMs(path.join(root, directory, INGEST_FILES.data))
    const isResumable = data !== undefined && readIngest(root, directory) !== undefined
    if (isResumable && Date.now() - data < STALE_INGEST_MS) continue
    await rm(path.join(root, directory), { recursive: true })
  }
}
