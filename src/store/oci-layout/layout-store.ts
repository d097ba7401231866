import type { Descriptor } from '../../oci/descriptor.ts'
import type { Digest } from '../../oci/digest.ts'
import { fingerprintMediaType, MAX_MANIFEST_BYTES, OCTET_STREAM } from '../../oci/media-type.ts'
import { formatReference, type Reference, type TagReference } from '../../oci/reference.ts'
import { blobFileSize, blobOf, type OpenedFile, openBlob, readOpened } from '../content-directory/content-files.ts'
import { ContentNotFoundError } from '../errors.ts'
import type { Blob, CallOptions, Store } from '../store.ts'
import { LayoutError } from './errors.ts'
import type { LayoutScanner } from './layout-scanner.ts'

/** Most media types that are remembered for content that no image describes. */
const MAX_FINGERPRINTS = 10_000

/** The committed content of one or more layouts; where several hold the same, the first serves it. */
export class LayoutStore implements Store {
  readonly #roots: readonly string[]
  readonly #scanner: LayoutScanner
  /** By digest, oldest first; one that does not match the file's size was taken of a file still being written. */
  readonly #fingerprints = new Map<Digest, Descriptor>()

  constructor(roots: readonly string[], scanner: LayoutScanner) {
    this.#roots = roots
    this.#scanner = scanner
  }

  async resolve(reference: TagReference, { signal }: CallOptions): Promise<Digest> {
    signal.throwIfAborted()
    for (const image of await this.#scanner.images()) {
      if (image.reference === undefined || !isSameTag(image.reference, reference)) continue
      const opened = await this.#find(image.digest)
      if (opened === undefined) continue
      await opened.handle.close()
      return image.digest
    }
    throw new ContentNotFoundError(formatReference(reference))
  }

  async describe(digest: Digest, { signal }: CallOptions): Promise<Descriptor> {
    signal.throwIfAborted()
    const known = this.#scanner.descriptor(digest) ?? this.#fingerprints.get(digest)
    if (known !== undefined && (await this.#isThere(known))) return known
    const opened = await this.#open(digest)
    if (known?.size !== opened.stat.size) return await this.#fingerprint(digest, opened)
    await opened.handle.close()
    return known
  }

  async open(digest: Digest, { signal }: CallOptions): Promise<Blob> {
    signal.throwIfAborted()
    return blobOf(await this.#open(digest))
  }

  /** Whether one of the layouts still has what was seen there before. False where that can't be known. */
  async #isThere({ digest, size }: Descriptor): Promise<boolean> {
    for (const root of this.#roots) {
      if ((await blobFileSize(root, digest).catch(() => undefined)) === size) return true
    }
    return false
  }

  async #open(digest: Digest): Promise<OpenedFile> {
    const opened = await this.#find(digest)
    if (opened === undefined) throw new ContentNotFoundError(digest)
    return opened
  }

  /** The first layout that holds the content as long as images say it is: a copy may be under way into one of them. */
  async #find(digest: Digest): Promise<OpenedFile | undefined> {
    const size = this.#scanner.descriptor(digest)?.size
    let failure: Error | undefined
    for (const root of this.#roots) {
      try {
        const opened = await openBlob(root, digest)
        if (opened === undefined) continue
        if (size === undefined || size === opened.stat.size) return opened
        await opened.handle.close()
      } catch (error) {
        failure = new LayoutError(root, `${digest} cannot be read`, { cause: error })
      }
    }
    if (failure !== undefined) throw failure
    return undefined
  }

  async #fingerprint(digest: Digest, opened: OpenedFile): Promise<Descriptor> {
    const { size } = opened.stat
    let mediaType = OCTET_STREAM
    if (size <= MAX_MANIFEST_BYTES) mediaType = fingerprintMediaType(await readOpened(opened, MAX_MANIFEST_BYTES))
    else await opened.handle.close()
    const descriptor = { digest, size, mediaType }
    this.#fingerprints.set(digest, descriptor)
    const [oldest] = this.#fingerprints.keys()
    if (oldest !== undefined && this.#fingerprints.size > MAX_FINGERPRINTS) this.#fingerprints.delete(oldest)
    return descriptor
  }
}

function isSameTag(one: Reference, other: TagReference): boolean {
  return (
    one.kind === 'tag' &&
    one.tag === other.tag &&
    one.repository === other.repository &&
    one.registry === other.registry
  )
}
