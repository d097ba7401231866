import type { Log } from '../../observability/log.ts'
import type { Digest } from '../../oci/digest.ts'
import { blobFileSize, blobOf, type OpenedFile, openBlob } from '../content-directory/content-files.ts'
import { ContentFileError } from '../content-directory/errors.ts'
import { ContentNotFoundError } from '../errors.ts'
import type { Blob, CallOptions } from '../store.ts'
import { ContentRoot } from './content-root.ts'
import { ContentStream } from './content-stream.ts'
import { ContainerdUnavailableError } from './errors.ts'
import { NamespaceHoldings } from './namespace-holdings.ts'
import type { Containerd, ContentAccess } from './services.ts'

/** Most blobs that are read over the socket at once, each of which takes 2 MiB. */
const MAX_STREAMS = 24

export interface ContainerdContentComponents {
  readonly containerd: Pick<Containerd, 'content' | 'introspection'>
  readonly log: Log
}

export interface ContainerdContentOptions {
  /** Path of containerd's socket, for errors. */
  readonly socket: string
  /** The content directory as this process sees it; empty: where containerd says that it is. */
  readonly contentPath: string
}

/**
 * The committed content of one containerd namespace. Where its directory can be read, each call looks for the file, so that
 * content that was garbage-collected, or removed by hand, is not found; containerd is asked only whose it is.
 */
export class ContainerdContent implements ContentAccess {
  /** What is known of it without asking. */
  readonly holdings: NamespaceHoldings
  readonly #containerd: Pick<Containerd, 'content'>
  readonly #socket: string
  readonly #root: ContentRoot
  #streams = 0

  constructor({ containerd, log }: ContainerdContentComponents, { socket, contentPath }: ContainerdContentOptions) {
    this.#containerd = containerd
    this.#socket = socket
    this.#root = new ContentRoot({ introspection: containerd.introspection, log }, { contentPath })
    this.holdings = new NamespaceHoldings(containerd.content)
  }

  directory(options: CallOptions): Promise<string | undefined> {
    return this.#root.find(options)
  }

  /**
   * Size of committed content, in bytes.
   * @throws {ContentNotFoundError} where it is not held
   * @throws {ContainerdUnavailableError} where that can't be known
   */
  async size(digest: Digest, options: CallOptions): Promise<number> {
    const size = await this.#fileSize(digest, options)
    if (size === undefined) return (await this.#containerd.content.info(digest, options)).size
    await this.holdings.check(digest, options)
    return size
  }

  /**
   * Opens committed content. The caller closes it.
   * @throws {ContentNotFoundError} where it is not held
   * @throws {ContainerdUnavailableError} where that can't be known, or too much is being read over the socket
   */
  async open(digest: Digest, options: CallOptions): Promise<Blob> {
    const file = await this.#openFile(digest, options)
    if (file === undefined) return await this.#openStream(digest, options)
    return blobOf(file)
  }

  /** Undefined where containerd has to be asked. */
  async #fileSize(digest: Digest, options: CallOptions): Promise<number | undefined> {
    const root = await this.directory(options)
    if (root === undefined) return undefined
    let size: number | undefined
    try {
      size = await blobFileSize(root, digest)
    } catch (error) {
      if (error instanceof ContentFileError) return undefined
      throw error
    }
    if (size === undefined) throw new ContentNotFoundError(digest)
    return size
  }

  /** Undefined where content has to be read over the socket. */
  async #openFile(digest: Digest, options: CallOptions): Promise<OpenedFile | undefined> {
    const root = await this.directory(options)
    if (root === undefined) return undefined
    let file: OpenedFile | undefined
    try {
      file = await openBlob(root, digest)
    } catch (error) {
      if (error instanceof ContentFileError) return undefined
      throw error
    }
    if (file === undefined) throw new ContentNotFoundError(digest)
    try {
      await this.holdings.check(digest, options)
      return file
    } catch (error) {
      await file.handle.close()
      throw error
    }
  }

  async #openStream(digest: Digest, options: CallOptions): Promise<Blob> {
    if (this.#streams >= MAX_STREAMS) {
      throw new ContainerdUnavailableError(this.#socket, `${MAX_STREAMS} blobs are being read over it already`)
    }
    this.#streams += 1
    const release = (): void => void (this.#streams -= 1)
    try {
      const stream = await ContentStream.open(this.#containerd.content, digest, options)
      return releasing(stream, release)
    } catch (error) {
      release()
      throw error
    }
  }
}

/** `blob`, and something to do once it is closed. */
function releasing(blob: Blob, release: () => void): Blob {
  let isClosed = false
  return {
    size: blob.size,
    read: (into, position) => blob.read(into, position),
    async close() {
      if (!isClosed) release()
      isClosed = true
      await blob.close()
    },
  }
}
