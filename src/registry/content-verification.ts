import type { Log } from '../observability/log.ts'
import type { Metrics } from '../observability/metrics.ts'
import { type Digest, digestAlgorithm, digestHex } from '../oci/digest.ts'
import type { Clock } from '../routing/clock.ts'
import { ContentNotFoundError } from '../store/errors.ts'
import type { Blob, CallOptions, Store } from '../store/store.ts'
import { CorruptContentError } from './errors.ts'
import type { FileHasher } from './hash-worker.ts'

/** Most digests that are remembered as verified, oldest first to go; one that is forgotten is verified again. */
const MAX_VERIFIED = 10_000

/** Most digests that are remembered as damaged. A disk with more is past helping. */
const MAX_DAMAGED = 1000

/** Most blobs that wait to be hashed; what does not fit waits for its next serve. */
const MAX_WAITING = 256

/** How often it is looked whether damaged content was replaced. */
const RECHECK_INTERVAL_MS = 60_000

/** What is advertised to peers. */
interface Advertised {
  /** Takes `digest` back, until it is included again. */
  exclude(digest: Digest): void
  include(digest: Digest): void
}

export interface ContentVerificationComponents {
  readonly store: Store
  readonly advertised: Advertised
  readonly hasher: FileHasher
  readonly clock: Clock
  readonly metrics: Metrics
  readonly log: Log
}

/**
 * Knows which content of the store is what its digest says. A blob is hashed, once, after it was first served to its end:
 * then it is in the page cache, and nobody waits. What is damaged is neither served nor advertised until its file changes.
 * Only content in files is remembered; what is read over a socket has no version to remember it by, and is not hashed.
 */
export class ContentVerification implements AsyncDisposable {
  readonly #components: ContentVerificationComponents
  /** Version of the file that was verified. */
  readonly #verified = new Map<Digest, string>()
  /** Version of the file that is damaged. */
  readonly #damaged = new Map<Digest, string>()
  readonly #waiting = new Set<Digest>()
  readonly #ended = new AbortController()
  #hashing: Promise<void> | undefined
  #rechecking: Promise<void> | undefined

  constructor(components: ContentVerificationComponents) {
    this.#components = components
  }

  /**
   * To be asked before `blob` is served.
   * @throws {CorruptContentError} where it is known to be damaged
   */
  check(digest: Digest, { file }: Blob): void {
    const version = this.#damaged.get(digest)
    if (version === undefined) return
    if (version === file?.version) throw new CorruptContentError(digest)
    this.#mend(digest)
  }

  /** Whether `blob` has been found to be what `digest` says. */
  isVerified(digest: Digest, { file }: Blob): boolean {
    return file !== undefined && this.#verified.get(digest) === file.version
  }

  /** To be told once `blob` was served to its end. */
  served(digest: Digest, blob: Blob): void {
    if (blob.file === undefined || this.isVerified(digest, blob)) return
    if (this.#ended.signal.aborted || this.#waiting.size >= MAX_WAITING) return
    this.#waiting.add(digest)
    this.#hashing ??= this.#hashAll(this.#ended.signal)
  }

  /**
   * To be told what became of hashing `blob`.
   * @throws {CorruptContentError} where it does not match
   */
  found(digest: Digest, { file }: Blob, result: { readonly matches: boolean }): void {
    if (result.matches) {
      if (file !== undefined) remember(this.#verified, { digest, version: file.version, limit: MAX_VERIFIED })
      return
    }
    const { advertised, metrics, log } = this.#components
    const error = new CorruptContentError(digest)
    if (file === undefined || this.#damaged.get(digest) !== file.version) {
      log.error('content in the store is damaged', { error })
      metrics.corruptContent.inc()
    }
    if (file !== undefined) {
      const forgotten = remember(this.#damaged, { digest, version: file.version, limit: MAX_DAMAGED })
      if (forgotten !== undefined) advertised.include(forgotten)
      advertised.exclude(digest)
      this.#rechecking ??= this.#recheckAll(this.#ended.signal)
    }
    throw error
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort()
    await Promise.all([this.#hashing, this.#rechecking])
  }

  async #hashAll(signal: AbortSignal): Promise<void> {
    for (const digest of this.#waiting) {
      try {
        if (!signal.aborted) await this.#hash(digest, { signal })
      } catch (error) {
        const isTold = error instanceof CorruptContentError || error instanceof ContentNotFoundError || signal.aborted
        if (!isTold) this.#components.log.warn('content in the store could not be verified', { digest, error })
      }
      this.#waiting.delete(digest)
    }
    this.#hashing = undefined
  }

  async #hash(digest: Digest, options: CallOptions): Promise<void> {
    const { store, hasher } = this.#components
    const blob = await store.open(digest, options)
    try {
      const { file, size } = blob
      if (file === undefined || this.isVerified(digest, blob)) return
      const hex = await hasher.hash({ fd: file.fd, size, algorithm: digestAlgorithm(digest) }, options)
      this.found(digest, blob, { matches: hex === digestHex(digest) })
    } finally {
      await blob.close()
    }
  }

  async #recheckAll(signal: AbortSignal): Promise<void> {
    while (this.#damaged.size > 0 && !signal.aborted) {
      await this.#components.clock.sleep(RECHECK_INTERVAL_MS, { signal })
      for (const digest of this.#damaged.keys()) {
        if (signal.aborted) return
        await this.#recheck(digest, { signal })
      }
    }
    this.#rechecking = undefined
  }

  async #recheck(digest: Digest, options: CallOptions): Promise<void> {
    try {
      const blob = await this.#components.store.open(digest, options)
      await blob.close()
      this.check(digest, blob)
    } catch (error) {
      // The store tells of what is gone; while it can't be looked at, nothing is known to be better.
      if (error instanceof ContentNotFoundError) this.#mend(digest)
    }
  }

  #mend(digest: Digest): void {
    this.#damaged.delete(digest)
    this.#components.advertised.include(digest)
  }
}

interface Remembered {
  readonly digest: Digest
  readonly version: string
  readonly limit: number
}

/** Remembers a version, and forgets the oldest over the limit. Returns what was forgotten. */
function remember(versions: Map<Digest, string>, { digest, version, limit }: Remembered): Digest | undefined {
  versions.delete(digest)
  versions.set(digest, version)
  const [oldest] = versions.keys()
  if (oldest === undefined || versions.size <= limit) return undefined
  versions.delete(oldest)
  return oldest
}
