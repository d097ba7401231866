import type { Digest } from '../../oci/digest.ts'
import type { CallOptions } from '../store.ts'
import { ContainerdUnavailableError } from './errors.ts'
import type { ContentService } from './services.ts'

/** Most digests that are remembered as held. */
const MAX_REMEMBERED = 20_000
/** How long a digest is remembered as held; only where another namespace keeps the file does it matter. */
const REMEMBERED_FOR_MS = 60_000

export interface NamespaceHoldingsOptions {
  /** Default: {@link REMEMBERED_FOR_MS}. */
  readonly rememberedForMs?: number
  /** Monotonic clock in milliseconds; default: `performance.now`. */
  readonly now?: () => number
}

/**
 * Knows what content belongs to the namespace. The files of all namespaces lie in one directory, and what only another
 * one holds must not be served: its images are not Kubernetes'.
 */
export class NamespaceHoldings {
  readonly #content: Pick<ContentService, 'info'>
  readonly #rememberedForMs: number
  readonly #now: () => number
  /** When each digest was last found to be held; oldest first. */
  readonly #heldAtMs = new Map<Digest, number>()
  #listed: ReadonlySet<Digest> = new Set()

  constructor(content: Pick<ContentService, 'info'>, options: NamespaceHoldingsOptions = {}) {
    this.#content = content
    this.#rememberedForMs = options.rememberedForMs ?? REMEMBERED_FOR_MS
    this.#now = options.now ?? (() => performance.now())
  }

  /**
   * Makes sure that the namespace holds `digest`. While containerd is away, what was held or listed last is taken to be held.
   * @throws {ContentNotFoundError} where it does not
   * @throws {ContainerdUnavailableError} where that can't be known
   */
  async check(digest: Digest, options: CallOptions): Promise<void> {
    const heldAtMs = this.#heldAtMs.get(digest)
    if (heldAtMs !== undefined && this.#now() - heldAtMs < this.#rememberedForMs) return
    try {
      await this.#content.info(digest, options)
    } catch (error) {
      if (error instanceof ContainerdUnavailableError && (heldAtMs !== undefined || this.#listed.has(digest))) return
      this.#heldAtMs.delete(digest)
      throw error
    }
    this.#remember(digest)
  }

  /** Learns what the namespace was found to hold in all. Whoever found it keeps the set up to date. */
  setListed(listed: ReadonlySet<Digest>): void {
    this.#listed = listed
  }

  #remember(digest: Digest): void {
    this.#heldAtMs.delete(digest)
    this.#heldAtMs.set(digest, this.#now())
    const [oldest] = this.#heldAtMs.keys()
    if (oldest !== undefined && this.#heldAtMs.size > MAX_REMEMBERED) this.#heldAtMs.delete(oldest)
  }
}
