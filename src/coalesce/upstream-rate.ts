import type { Log } from '../observability/log.ts'
import type { Digest } from '../oci/digest.ts'
import type { CallOptions, InProgress } from '../store/store.ts'

/** Downloads from upstream that are watched at once; more are not learned from. */
const MAX_WATCHED = 64
/** How often nothing may come for the stall time of the store until a download is no longer watched. */
const MAX_STALLS = 6
/** Smaller content is not watched at all: it is there before it would have been looked at twice. */
const MIN_WATCHED_BYTES = 1024 * 1024
/** The least that tells anything of upstream: smaller content is mostly waiting. */
const MIN_MEASURED_BYTES = 8 * 1024 * 1024
const MIN_MEASURED_MS = 1000
/** How long a measurement tells how fast upstream is. */
const MEASURED_TTL_MS = 10 * 60_000
/** Transfers are judged by so much time spent waiting for peers. */
const JUDGED_MS = 10_000
/** Peers must be this many times slower than upstream was: it may be slower for all by now. */
const CLEARLY_SLOWER = 4

export interface UpstreamRateComponents {
  readonly inProgress: InProgress
  readonly log: Log
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number
}

/**
 * What this node has lately measured of upstream, against what it gets from peers that fetch from there too. Both are
 * sums of all that goes on at once (of upstream, but small content), and both err towards following: many nodes may share
 * one slow way to upstream, and one that goes alone makes it slower.
 */
export class UpstreamRate {
  readonly #components: UpstreamRateComponents
  readonly #stop = new AbortController()
  readonly #watched = new Map<Digest, Promise<void>>()
  readonly #transfers = new Set<FollowedTransfer>()
  /** Since when something comes from upstream without a break. */
  #since = 0
  /** Of what was complete since then. */
  #bytes = 0
  #measured: { readonly bytesPerMs: number; readonly at: number } | undefined

  constructor(components: UpstreamRateComponents) {
    this.#components = components
  }

  /** Bytes a second that this node last measured; undefined where that is not known, or no longer. */
  get bytesPerSecond(): number | undefined {
    if (this.#measured === undefined || this.#components.now() - this.#measured.at >= MEASURED_TTL_MS) return undefined
    return this.#measured.bytesPerMs * 1000
  }

  /** Measures the local download of `digest`, of which the bytes from `offset` up to `size` come from upstream. */
  watch(digest: Digest, offset: number, size: number): void {
    if (size - offset < MIN_WATCHED_BYTES) return
    if (this.#watched.has(digest) || this.#watched.size === MAX_WATCHED || this.#stop.signal.aborted) return
    if (this.#watched.size === 0) {
      this.#since = this.#components.now()
      this.#bytes = 0
    }
    const running = this.#watch(digest, offset).finally(() => this.#watched.delete(digest))
    this.#watched.set(digest, running)
  }

  /** Begins to follow peers for some content; the caller disposes of it when it no longer does. */
  follow(): FollowedTransfer {
    const transfer = new FollowedTransfer({
      isTooSlow: () => this.#isTooSlow(),
      onEnded: () => this.#transfers.delete(transfer),
    })
    this.#transfers.add(transfer)
    return transfer
  }

  /** Stops watching. */
  async close(): Promise<void> {
    this.#stop.abort()
    await Promise.all(this.#watched.values())
  }

  async #watch(digest: Digest, offset: number): Promise<void> {
    const { inProgress, now, log } = this.#components
    const { signal } = this.#stop
    try {
      const bytes = await downloaded(inProgress, digest, { signal })
      this.#bytes += Math.max(0, bytes - offset)
      const elapsedMs = now() - this.#since
      if (bytes === 0 || this.#bytes < MIN_MEASURED_BYTES || elapsedMs < MIN_MEASURED_MS) return
      this.#measured = { bytesPerMs: this.#bytes / elapsedMs, at: now() }
    } catch (error) {
      if (!signal.aborted) log.warn('cannot watch a download', { digest, error })
    }
  }

  #isTooSlow(): boolean {
    const upstream = this.bytesPerSecond
    // What comes from upstream right now takes its share of the way.
    if (upstream === undefined || this.#watched.size > 0) return false
    const followed = [...this.#transfers].reduce((sum, transfer) => sum + transfer.bytesPerSecond, 0)
    return followed * CLEARLY_SLOWER < upstream
  }
}

interface FollowedTransferOptions {
  readonly isTooSlow: () => boolean
  readonly onEnded: () => void
}

/** One of the transfers that follow peers. */
export class FollowedTransfer implements Disposable {
  readonly #options: FollowedTransferOptions
  #bytes = 0
  #waitedMs = 0
  #lastPerSecond = 0

  constructor(options: FollowedTransferOptions) {
    this.#options = options
  }

  /** What peers lately sent; that of the last ten seconds of waiting until there are some more. */
  get bytesPerSecond(): number {
    return Math.max(this.#lastPerSecond, this.#waitedMs === 0 ? 0 : (this.#bytes / this.#waitedMs) * 1000)
  }

  /**
   * Notes what came. Only waiting for peers counts, not for a client that is slow to take it.
   * @returns whether this node would clearly do better by itself
   */
  add(bytes: number, waitedMs: number): boolean {
    this.#bytes += bytes
    this.#waitedMs += waitedMs
    if (this.#waitedMs < JUDGED_MS) return false
    this.#lastPerSecond = 0
    const isTooSlow = this.#options.isTooSlow()
    this.#lastPerSecond = (this.#bytes / this.#waitedMs) * 1000
    this.#bytes = 0
    this.#waitedMs = 0
    return isTooSlow
  }

  [Symbol.dispose](): void {
    this.#options.onEnded()
  }
}

/** Size of `digest` once its download is committed; 0 where there is none, or it comes to nothing. */
async function downloaded(inProgress: InProgress, digest: Digest, options: CallOptions): Promise<number> {
  const download = await inProgress.find(digest, { ...options, evenStalled: true })
  if (download === undefined) return 0
  try {
    for (let stalls = 0; stalls < MAX_STALLS; stalls += 1) {
      const growth = await download.waitPast(download.size, options)
      if (growth !== 'stalled') return growth === 'committed' ? download.size : 0
    }
    return 0
  } finally {
    await download.close()
  }
}
