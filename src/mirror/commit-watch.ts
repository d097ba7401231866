import { formatHostPort } from '../http/host-port.ts'
import type { Log } from '../observability/log.ts'
import type { Metrics } from '../observability/metrics.ts'
import type { Digest } from '../oci/digest.ts'
import type { CallOptions, FindOptions, GrowingBlob, InProgress } from '../store/store.ts'
import { FollowedDownload } from './followed-download.ts'
import type { PeerScores } from './peer-scores.ts'

/** How long a digest is left to the real registry after peers gave corrupt content for it. */
const DIRECT_MS = 10 * 60_000
/** Digests that are remembered as such; the oldest is forgotten first. */
const MAX_DIRECT = 1024
/** Downloads that are followed at once; more are relayed without learning from them. */
const MAX_FOLLOWED = 256
/**
 * How often nothing may come for the stall time of the store until a download is no longer followed: the container runtime
 * takes its time to flush what is complete, and to collect what is wrong.
 */
const MAX_STALLS = 24

export interface CommitWatchComponents {
  readonly inProgress: Pick<InProgress, 'find'>
  readonly scores: PeerScores
  readonly metrics: Metrics
  readonly log: Log
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number
}

/**
 * Learns from what becomes of relayed blobs, which only the container runtime verifies: it commits what is right. What is
 * complete and then dropped was corrupt: its suppliers are quarantined, and the digest goes direct for ten minutes.
 */
export class CommitWatch {
  readonly #components: CommitWatchComponents
  readonly #stop = new AbortController()
  readonly #followed = new Map<Digest, FollowedDownload>()
  readonly #running = new Set<Promise<void>>()
  /** When each digest may be had from peers again; in the order of that. */
  readonly #direct = new Map<Digest, number>()

  constructor(components: CommitWatchComponents) {
    this.#components = components
  }

  /** How many downloads are followed now. */
  get following(): number {
    return this.#followed.size
  }

  /** Whether `digest` is not to be asked of peers now, because what they gave last was corrupt. */
  isDirect(digest: Digest): boolean {
    const until = this.#direct.get(digest)
    return until !== undefined && this.#components.now() < until
  }

  /**
   * Follows the download of `digest` by the local container runtime, if it is downloading it, from the moment on when some
   * of it is about to be supplied, until it is over. What is returned is to be told before anything is sent, or the download
   * may be over before it is found.
   * @param offset of the first byte that it asks for
   * @returns what the relay disposes of at its end; undefined where nothing more can be followed
   */
  follow(digest: Digest, offset: number): FollowedDownload | undefined {
    const known = this.#followed.get(digest)
    if (known !== undefined && !known.unwanted.aborted) return known.join()
    if (this.#followed.size >= MAX_FOLLOWED || this.#stop.signal.aborted) return undefined
    const followed = new FollowedDownload()
    this.#followed.set(digest, followed)
    const signal = AbortSignal.any([this.#stop.signal, followed.unwanted])
    const running = this.#run(digest, followed, { signal, awaitedFrom: offset }).finally(() => {
      if (this.#followed.get(digest) === followed) this.#followed.delete(digest)
      this.#running.delete(running)
    })
    this.#running.add(running)
    return followed.join()
  }

  /** Stops following. */
  async close(): Promise<void> {
    this.#stop.abort()
    await Promise.all(this.#running)
  }

  async #run(digest: Digest, followed: FollowedDownload, options: FindOptions): Promise<void> {
    const { signal } = options
    try {
      if (!(await followed.begun(options))) return
      const download = await followed.look(this.#components.inProgress.find(digest, options))
      if (download === undefined) return
      try {
        if (await isCorrupt(download, { signal })) this.#blame(digest, followed)
      } finally {
        await download.close()
      }
    } catch (error) {
      if (!signal.aborted) this.#components.log.warn('cannot follow a download', { digest, error })
    }
  }

  /** Where some came by way of a burst, nobody is blamed: what upstream sent wrong, peers pass on before they can know. */
  #blame(digest: Digest, followed: FollowedDownload): void {
    const { scores, metrics, log, now } = this.#components
    const suppliers = followed.isUnverified ? [] : followed.suppliers
    if (suppliers.length === 0 && !followed.isUnverified) return
    for (const peer of suppliers) {
      scores.report(peer, { type: 'corrupt' })
      metrics.peerFailures.inc({ reason: 'corrupt' })
    }
    this.#direct.delete(digest)
    this.#direct.set(digest, now() + DIRECT_MS)
    const [oldest] = this.#direct.keys()
    if (oldest !== undefined && this.#direct.size > MAX_DIRECT) this.#direct.delete(oldest)
    log.warn('peers gave corrupt content, which is left to the registry now', {
      digest,
      peers: suppliers.map(({ registry }) => formatHostPort(registry)),
      minutes: DIRECT_MS / 60_000,
    })
  }
}

/** Whether `download` is complete, and dropped instead of committed. */
async function isCorrupt(download: GrowingBlob, options: CallOptions): Promise<boolean> {
  for (let stalls = 0; stalls < MAX_STALLS; ) {
    const growth = await download.waitPast(download.size, options)
    switch (growth) {
      case 'committed':
        return false
      case 'aborted':
        // Empty content can't be wrong. One that is given up on the way says nothing of those who supplied it.
        return download.size > 0 && (await download.read(Buffer.alloc(1), download.size - 1)) > 0
      case 'stalled':
        stalls += 1
        break
      case 'grown':
        // Longer than it should ever be.
        return false
    }
  }
  return false
}
