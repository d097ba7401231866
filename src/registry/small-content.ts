import type { Descriptor } from '../oci/descriptor.ts'
import { type Digest, matchesDigest } from '../oci/digest.ts'
import { readFully } from '../store/read-fully.ts'
import type { CallOptions, Store } from '../store/store.ts'
import type { ContentVerification } from './content-verification.ts'

/** Larger content is read from the store each time: manifests and configs are some kilobytes. */
const MAX_ENTRY_BYTES = 256 * 1024

/** What is kept in memory at most. */
const CACHE_BYTES = 8 * 1024 * 1024

/** What answers under way may hold at most; a client that reads nothing holds what it is being sent. */
const LENT_BYTES = 8 * 1024 * 1024

/** Content for the time of one answer. */
export interface Lent extends Disposable {
  /** Verified. */
  readonly bytes: Buffer
}

export interface SmallContentOptions {
  /** Default: {@link CACHE_BYTES}. */
  readonly cacheBytes?: number
  /** Default: {@link LENT_BYTES}. */
  readonly lentBytes?: number
}

/** Manifests and other small content in memory, verified when they are read; least recently used first to go. */
export class SmallContent {
  readonly #verification: ContentVerification
  readonly #limits: Required<SmallContentOptions>
  readonly #kept = new Map<Digest, Buffer>()
  #keptBytes = 0
  #lentBytes = 0

  constructor(
    { verification }: { readonly verification: ContentVerification },
    { cacheBytes = CACHE_BYTES, lentBytes = LENT_BYTES }: SmallContentOptions = {},
  ) {
    this.#verification = verification
    this.#limits = { cacheBytes, lentBytes }
  }

  /**
   * What `store` holds of `descriptor`, which has just been asked for it: content that is gone from the store is not to be
   * answered from memory. Undefined where it is not small, or where memory is short: it is to be sent as large content is.
   * @throws {ContentNotFoundError} where it has vanished
   * @throws {CorruptContentError} where it does not match its digest
   */
  async borrow(store: Pick<Store, 'open'>, descriptor: Descriptor, options: CallOptions): Promise<Lent | undefined> {
    const { digest, size } = descriptor
    const { lentBytes } = this.#limits
    if (size > MAX_ENTRY_BYTES || this.#lentBytes + size > lentBytes) return undefined
    this.#lentBytes += size
    const giveBack = (): void => void (this.#lentBytes -= size)
    try {
      const bytes = this.#find(digest) ?? (await this.#read(store, digest, options))
      if (bytes?.length === size) return { bytes, [Symbol.dispose]: giveBack }
    } catch (error) {
      giveBack()
      throw error
    }
    giveBack()
    return undefined
  }

  #find(digest: Digest): Buffer | undefined {
    const bytes = this.#kept.get(digest)
    if (bytes === undefined) return undefined
    this.#kept.delete(digest)
    this.#kept.set(digest, bytes)
    return bytes
  }

  async #read(store: Pick<Store, 'open'>, digest: Digest, options: CallOptions): Promise<Buffer | undefined> {
    const blob = await store.open(digest, options)
    try {
      this.#verification.check(digest, blob)
      if (blob.size > MAX_ENTRY_BYTES) return undefined
      // A buffer of its own: a slice of a shared one would keep all of that in memory.
      const buffer = Buffer.allocUnsafeSlow(blob.size)
      const bytes = buffer.subarray(0, await readFully(blob, buffer))
      this.#verification.found(digest, blob, { matches: matchesDigest(bytes, digest) })
      this.#keep(digest, bytes)
      return bytes
    } finally {
      await blob.close()
    }
  }

  #keep(digest: Digest, bytes: Buffer): void {
    if (this.#kept.has(digest)) return
    this.#kept.set(digest, bytes)
    this.#keptBytes += bytes.length
    for (const [oldest, { length }] of this.#kept) {
      if (this.#keptBytes <= this.#limits.cacheBytes) return
      this.#kept.delete(oldest)
      this.#keptBytes -= length
    }
  }
}
