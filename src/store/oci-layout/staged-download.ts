import type { Hash } from 'node:crypto'
import { type FileHandle, mkdir, open, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { syncDirectory } from '../../files/sync-directory.ts'
import { type Digest, digestAlgorithm, finishDigest, startDigest } from '../../oci/digest.ts'
import { blobPath, INGEST_DIRECTORY } from '../content-directory/content-files.ts'
import { INGEST_FILES, openIngest } from '../content-directory/ingest.ts'
import { DigestMismatchError, SizeMismatchError } from './errors.ts'

/** How much of a resumed download is hashed at once. */
const REHASH_BYTES = 1024 * 1024

/** What a staged download is of. */
export interface StagedContent {
  readonly digest: Digest
  /** Exact size in bytes. */
  readonly size: number
}

/**
 * Content on its way into a layout, written to `ingest/<id>/data` and renamed into `blobs/` once it is all there and
 * right. One that is only disposed of stays staged, to be resumed. One call at a time.
 */
export class StagedDownload implements AsyncDisposable {
  readonly content: StagedContent
  readonly #root: string
  readonly #directory: string
  readonly #data: FileHandle
  readonly #hash: Hash
  readonly #release: () => void
  #offset = 0
  #closed = false

  private constructor(
    source: {
      readonly content: StagedContent
      readonly root: string
      readonly directory: string
      readonly data: FileHandle
    },
    release: () => void,
  ) {
    this.content = source.content
    this.#root = source.root
    this.#directory = source.directory
    this.#data = source.data
    this.#hash = startDigest(source.content.digest)
    this.#release = release
  }

  /**
   * Resumes the download of `content` that is staged in the layout at `root`, or begins one.
   * @param release told once the download is over or disposed of
   */
  static async open(root: string, content: StagedContent, release: () => void): Promise<StagedDownload> {
    const directory = (await resumable(root, content)) ?? (await begin(root, content))
    const data = await open(path.join(root, directory, INGEST_FILES.data), 'r+')
    const download = new StagedDownload({ content, root, directory, data }, release)
    try {
      await download.#rehash()
      return download
    } catch (error) {
      await data.close()
      throw error
    }
  }

  /** How many bytes there are: what is appended next belongs at this position. */
  get offset(): number {
    return this.#offset
  }

  /**
   * Appends `chunk`.
   * @throws {SizeMismatchError} where the content would be longer than it should be; nothing is written then
   */
  async append(chunk: Uint8Array): Promise<void> {
    const { digest, size } = this.content
    const end = this.#offset + chunk.length
    if (end > size) throw new SizeMismatchError(digest, size, end)
    this.#hash.update(chunk)
    for (let written = 0; written < chunk.length; ) {
      const { bytesWritten } = await this.#data.write(chunk, written, chunk.length - written, this.#offset)
      written += bytesWritten
      this.#offset += bytesWritten
    }
  }

  /**
   * Makes the content part of the layout; it survives a power failure from here on.
   * @throws {SizeMismatchError} where content is missing; the download can go on
   * @throws {DigestMismatchError} where it is other content; what was staged is dropped
   */
  async commit(): Promise<void> {
    const { digest, size } = this.content
    if (this.#offset !== size) throw new SizeMismatchError(digest, size, this.#offset)
    const actual = finishDigest(this.#hash, digestAlgorithm(digest))
    if (actual !== digest) {
      await this.abort()
      throw new DigestMismatchError(digest, actual)
    }
    await this.#data.sync()
    const blob = path.join(this.#root, blobPath(digest))
    await mkdir(path.dirname(blob), { recursive: true })
    await rename(path.join(this.#root, this.#directory, INGEST_FILES.data), blob)
    await syncDirectory(path.dirname(blob))
    await this.abort()
  }

  /** Drops what is staged. */
  async abort(): Promise<void> {
    await rm(path.join(this.#root, this.#directory), { recursive: true, force: true })
    await this[Symbol.asyncDispose]()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#data.close()
    this.#release()
  }

  async #rehash(): Promise<void> {
    const chunk = Buffer.allocUnsafe(REHASH_BYTES)
    for (;;) {
      const { bytesRead } = await this.#data.read(chunk, 0, chunk.length, this.#offset)
      if (bytesRead === 0) return
      this.#hash.update(chunk.subarray(0, bytesRead))
      this.#offset += bytesRead
    }
  }
}

/** The directory of a staged download of the same content; one that can't be continued is removed. */
async function resumable(root: string, { digest, size }: StagedContent): Promise<string | undefined> {
  const found = await openIngest(root, digest)
  if (found === undefined) return undefined
  const { ingest, data } = found
  await data.handle.close()
  if (ingest.total === size && data.stat.size <= size) return ingest.directory
  await rm(path.join(root, ingest.directory), { recursive: true })
  return undefined
}

/** Stages an empty download. `data` comes last: with it the download counts as in progress. */
async function begin(root: string, { digest, size }: StagedContent): Promise<string> {
  const directory = path.join(INGEST_DIRECTORY, digest.replace(':', '-'))
  const real = path.join(root, directory)
  await rm(real, { recursive: true, force: true })
  await mkdir(real, { recursive: true })
  await writeFile(path.join(real, INGEST_FILES.ref), digest)
  await writeFile(path.join(real, INGEST_FILES.total), String(size))
  await writeFile(path.join(real, INGEST_FILES.data), '')
  return directory
}
