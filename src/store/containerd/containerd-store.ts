import type { Descriptor } from '../../oci/descriptor.ts'
import type { Digest } from '../../oci/digest.ts'
import { fingerprintMediaType, MAX_MANIFEST_BYTES, OCTET_STREAM } from '../../oci/media-type.ts'
import { formatReference, type TagReference } from '../../oci/reference.ts'
import { ContentNotFoundError } from '../errors.ts'
import { readFully } from '../read-fully.ts'
import type { Blob, CallOptions, Store } from '../store.ts'
import type { ContainerdContent } from './content-access.ts'
import { ContainerdError, ContainerdUnavailableError } from './errors.ts'
import type { ImageService } from './services.ts'

/** Most media types that are remembered. */
const MAX_MEDIA_TYPES = 20_000
/** What JSON may begin with before its first brace. */
const WHITESPACE = new Set(Buffer.from(' \t\r\n'))
const BRACE = 0x7b
/** How much is looked at to tell what can't be JSON, which most content is. */
const PROBE_BYTES = 512

export interface ContainerdStoreComponents {
  readonly images: ImageService
  readonly content: ContainerdContent
}

/**
 * The images and content of one containerd namespace. While containerd is away, content that it was known to hold is served
 * from its directory, and everything else is not found: a mirror that can't tell sends its client elsewhere at once.
 */
export class ContainerdStore implements Store {
  readonly #images: ImageService
  readonly #content: ContainerdContent
  /** By digest, oldest first. What a digest means never changes. */
  readonly #mediaTypes = new Map<Digest, string>()

  constructor({ images, content }: ContainerdStoreComponents) {
    this.#images = images
    this.#content = content
  }

  async resolve(reference: TagReference, options: CallOptions): Promise<Digest> {
    const name = formatReference(reference)
    return await orNotFound(name, async () => {
      const { target } = await this.#images.get(name, options)
      // The record outlives content that was removed by hand.
      await this.#content.size(target.digest, options)
      return target.digest
    })
  }

  async describe(digest: Digest, options: CallOptions): Promise<Descriptor> {
    return await orNotFound(digest, async () => {
      const known = this.#mediaTypes.get(digest)
      if (known !== undefined) return { digest, size: await this.#content.size(digest, options), mediaType: known }
      const blob = await this.#content.open(digest, options)
      try {
        const mediaType = await fingerprint(blob)
        this.#remember(digest, mediaType)
        return { digest, size: blob.size, mediaType }
      } finally {
        await blob.close()
      }
    })
  }

  async open(digest: Digest, options: CallOptions): Promise<Blob> {
    return await orNotFound(digest, () => this.#content.open(digest, options))
  }

  #remember(digest: Digest, mediaType: string): void {
    this.#mediaTypes.set(digest, mediaType)
    const [oldest] = this.#mediaTypes.keys()
    if (oldest !== undefined && this.#mediaTypes.size > MAX_MEDIA_TYPES) this.#mediaTypes.delete(oldest)
  }
}

/** Makes a miss of a failure of containerd. Whether it is up is watched and logged elsewhere. */
async function orNotFound<T>(what: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    if (error instanceof ContainerdUnavailableError || error instanceof ContainerdError) {
      throw new ContentNotFoundError(what, { cause: error })
    }
    throw error
  }
}

async function fingerprint(blob: Blob): Promise<string> {
  if (blob.size > MAX_MANIFEST_BYTES) return OCTET_STREAM
  const start = Buffer.alloc(Math.min(PROBE_BYTES, blob.size))
  const length = await readFully(blob, start)
  const first = start.subarray(0, length).find(byte => !WHITESPACE.has(byte))
  if (first !== undefined && first !== BRACE) return OCTET_STREAM
  const content = Buffer.alloc(blob.size)
  return fingerprintMediaType(content.subarray(0, await readFully(blob, content)))
}
