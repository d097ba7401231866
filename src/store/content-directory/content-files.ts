import { type Dirent, readlinkSync, type Stats } from 'node:fs'
import { constants, type FileHandle, lstat, open, opendir, realpath } from 'node:fs/promises'
import path from 'node:path'
import { type Digest, type DigestAlgorithm, digestAlgorithm, digestHex } from '../../oci/digest.ts'
import type { Blob } from '../store.ts'
import { ContentFileError } from './errors.ts'

/** Where downloads are staged in containerd's content directory, and in an image layout of ours: `ingest/<id>/{ref,total,data}`. */
export const INGEST_DIRECTORY = 'ingest'

export const DIGEST_ALGORITHMS: readonly DigestAlgorithm[] = ['sha256', 'sha512']

/** Where content of `algorithm` is kept, relative to a content directory. */
export function blobDirectory(algorithm: DigestAlgorithm): string {
  return path.join('blobs', algorithm)
}

/** Where the content of `digest` is kept, relative to a content directory. */
export function blobPath(digest: Digest): string {
  return path.join(blobDirectory(digestAlgorithm(digest)), digestHex(digest))
}

/** A regular file opened for reading; the caller closes `handle`. */
export interface OpenedFile {
  readonly path: string
  readonly handle: FileHandle
  readonly stat: Stats
}

/** Where Linux shows what this process has opened. */
const OPENED = '/proc/self/fd'

/** How many directory entries are read at once. */
const DIRECTORY_BATCH = 512

/** What a path that leads nowhere, or round in circles, fails with. */
const MISSING = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO'])

/** Whether `error` says that there is no such file or directory. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && MISSING.has(error.code)
}

/**
 * The real path of `relative` in the content directory at `root`, undefined where it is missing. `root` itself may be a symbolic
 * link; a link further down is as good as missing, or a foreign medium could make this node serve any of its files.
 */
async function pathInside(root: string, relative: string): Promise<string | undefined> {
  try {
    const [base, real] = await Promise.all([realpath(root), realpath(path.join(root, relative))])
    return real === path.join(base, relative) ? real : undefined
  } catch (error) {
    if (isMissing(error)) return undefined
    throw new ContentFileError(path.join(root, relative), 'cannot be looked up', { cause: error })
  }
}

/**
 * Opens the regular file `relative` of the content directory at `root`; undefined where it is missing or anything else.
 * @throws {ContentFileError} where it is there but can't be opened
 */
export async function openInside(root: string, relative: string): Promise<OpenedFile | undefined> {
  const file = path.join(root, relative)
  try {
    // Without O_NONBLOCK, opening a named pipe would block a thread of the pool until someone writes to it.
    const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    const opened = await known(handle, root, relative).catch(async (error: unknown) => {
      await handle.close()
      throw error
    })
    if (opened === undefined) await handle.close()
    return opened
  } catch (error) {
    if (isMissing(error)) return undefined
    throw new ContentFileError(file, 'cannot be opened', { cause: error })
  }
}

/** Undefined where `handle` is of no regular file, or of one that lies elsewhere. */
async function known(handle: FileHandle, root: string, relative: string): Promise<OpenedFile | undefined> {
  const [real, stat] = await Promise.all([realPathOf(handle, root, relative), handle.stat()])
  return real !== undefined && stat.isFile() ? { path: real, handle, stat } : undefined
}

/** The path of an open file, where that is `relative` in the content directory at `root`. */
async function realPathOf({ fd }: FileHandle, root: string, relative: string): Promise<string | undefined> {
  const real = openedPath(fd)
  if (real === undefined) return await pathInside(root, relative)
  return real === path.join(await realpath(root), relative) ? real : undefined
}

/** What the kernel says, from memory, that is open as `fd`; undefined where it says nothing. */
function openedPath(fd: number): string | undefined {
  try {
    return readlinkSync(path.join(OPENED, String(fd)))
  } catch {
    return undefined
  }
}

/**
 * Lists the directory `relative` of the content directory at `root`, in no order; nothing where it is missing.
 * @throws {ContentFileError} where it is there but can't be read
 */
export async function* listInside(root: string, relative: string): AsyncGenerator<Dirent> {
  const real = await pathInside(root, relative)
  if (real === undefined) return
  try {
    yield* await opendir(real, { bufferSize: DIRECTORY_BATCH })
  } catch (error) {
    if (!isMissing(error)) throw new ContentFileError(real, 'cannot be listed', { cause: error })
  }
}

/** Opens the content of `digest` in the content directory at `root`; undefined where it is not there. */
export function openBlob(root: string, digest: Digest): Promise<OpenedFile | undefined> {
  return openInside(root, blobPath(digest))
}

/**
 * How long the file is that should be the content of `digest`; undefined where there is none. One look, where opening takes
 * five: for what was opened before, to learn whether it is still there. Directories may be symbolic links by now.
 * @throws {ContentFileError} where that can't be known
 */
export async function blobFileSize(root: string, digest: Digest): Promise<number | undefined> {
  const file = path.join(root, blobPath(digest))
  try {
    const stat = await lstat(file)
    return stat.isFile() ? stat.size : undefined
  } catch (error) {
    if (isMissing(error)) return undefined
    throw new ContentFileError(file, 'cannot be looked up', { cause: error })
  }
}

/**
 * Reads all of an opened file, up to `maxBytes` of it, and closes it.
 * @throws {ContentFileError} where it is larger
 */
export async function readOpened({ path, handle, stat }: OpenedFile, maxBytes: number): Promise<Buffer> {
  try {
    if (stat.size > maxBytes) throw new ContentFileError(path, `larger than ${maxBytes} bytes`)
    const content = Buffer.alloc(stat.size)
    let length = 0
    while (length < content.length) {
      const { bytesRead } = await handle.read(content, length, content.length - length, length)
      if (bytesRead === 0) break
      length += bytesRead
    }
    return content.subarray(0, length)
  } finally {
    await handle.close()
  }
}

/** Reads the file `relative` of the content directory at `root`; undefined where it is missing. Larger than `maxBytes` is an error. */
export async function readInside(root: string, relative: string, maxBytes: number): Promise<Buffer | undefined> {
  const opened = await openInside(root, relative)
  if (opened === undefined) return undefined
  return await readOpened(opened, maxBytes)
}

/** An opened file as a {@link Blob}, which closes it. */
export function blobOf({ handle, stat }: OpenedFile): Blob {
  // Content is written once and renamed into place: any of these changes with what is not the same content any more.
  const version = [stat.dev, stat.ino, stat.size, stat.mtimeMs, stat.ctimeMs].join(' ')
  return { size: stat.size, file: { fd: handle.fd, version }, read: readFrom(handle), close: () => handle.close() }
}

/** The `read` of a {@link Blob} over an open file. */
export function readFrom(handle: FileHandle): Blob['read'] {
  return async (into, position) => (await handle.read(into, 0, into.length, position)).bytesRead
}
