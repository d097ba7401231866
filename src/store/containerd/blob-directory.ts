import { stat } from 'node:fs/promises'
import path from 'node:path'
import { type Digest, isDigest } from '../../oci/digest.ts'
import {
  blobDirectory,
  blobPath,
  DIGEST_ALGORITHMS,
  isMissing,
  listInside,
} from '../content-directory/content-files.ts'
import { DirectoryChanges } from '../content-directory/directory-changes.ts'

export interface BlobDirectoryListeners {
  /** A blob came or went. */
  onBlob(digest: Digest): void
  /** A directory came or went: {@link BlobDirectory.arm} is to be called. */
  onDirectory(): void
}

/** Committed content as files in containerd's content directory, which all of containerd's namespaces share. */
export class BlobDirectory implements Disposable {
  readonly root: string
  readonly #changes: DirectoryChanges

  /** @param root the content directory */
  constructor(root: string, listeners: BlobDirectoryListeners) {
    this.root = root
    const blobs = DIGEST_ALGORITHMS.map(algorithm => path.join(root, blobDirectory(algorithm)))
    this.#changes = new DirectoryChanges([root, path.join(root, 'blobs'), ...blobs], (directory, name) => {
      if (!blobs.includes(directory)) listeners.onDirectory()
      const digest = `${path.basename(directory)}:${name}`
      if (isDigest(digest)) listeners.onBlob(digest)
    })
  }

  /** Watches the directories that are there now; whether blobs may have come or gone unnoticed. */
  arm(): Promise<boolean> {
    return this.#changes.arm()
  }

  /** Whether there is a file of that name, whoever it belongs to. */
  async has(digest: Digest): Promise<boolean> {
    try {
      return (await stat(path.join(this.root, blobPath(digest)))).isFile()
    } catch (error) {
      return !isMissing(error)
    }
  }

  /**
   * The names of all files.
   * @throws {ContentFileError} where they can't be listed
   */
  async list(): Promise<ReadonlySet<Digest>> {
    const digests = new Set<Digest>()
    for (const algorithm of DIGEST_ALGORITHMS) {
      for await (const entry of listInside(this.root, blobDirectory(algorithm))) {
        const digest = `${algorithm}:${entry.name}`
        if (isDigest(digest) && entry.isFile()) digests.add(digest)
      }
    }
    return digests
  }

  [Symbol.dispose](): void {
    this.#changes[Symbol.dispose]()
  }
}
