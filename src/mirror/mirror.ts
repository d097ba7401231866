import type { Bursts } from '../coalesce/bursts.ts'
import { UpstreamRate } from '../coalesce/upstream-rate.ts'
import { BodyBrokenError } from '../http/errors.ts'
import type { Exchange } from '../http/exchange.ts'
import type { PeerClient } from '../http/peer-client.ts'
import type { Log } from '../observability/log.ts'
import type { Metrics } from '../observability/metrics.ts'
import type { DistributionPath } from '../oci/distribution-path.ts'
import type { Doubts, Peer, Router } from '../routing/router.ts'
import type { InProgress } from '../store/store.ts'
import { BlobRelay } from './blob-relay.ts'
import { ChildLookups } from './child-lookups.ts'
import { CommitWatch } from './commit-watch.ts'
import { MirrorMissError } from './errors.ts'
import { HeaderTimes } from './header-times.ts'
import { DEFAULT_LIMITS, type MirrorLimits } from './limits.ts'
import { ManifestRelay } from './manifest-relay.ts'
import { PeerRequests } from './peer-requests.ts'
import { MovingPeerScores, type PeerStanding } from './peer-scores.ts'

/** A request for content. */
export type ContentPath = Exclude<DistributionPath, { kind: 'base' }>

export interface MirrorComponents {
  readonly router: Router
  /** Told of peers that do not answer; default: nobody. */
  readonly doubts?: Doubts
  readonly peerClient: PeerClient
  readonly metrics: Metrics
  readonly log: Log
  /** Tells whether relayed blobs turn out right. Default: that is never known. */
  readonly inProgress?: InProgress
  /** Lets requests follow peers that are fetching the content too. Default: none does. */
  readonly bursts?: Bursts
  /** Milliseconds of a monotonic clock. Default: the process's. */
  readonly now?: () => number
  /** Uniform in [0, 1). Default: `Math.random`. */
  readonly random?: () => number
}

export interface MirrorOptions {
  /** Longest wait for a first candidate while no request is in flight (`--mirror-resolve-timeout`). */
  readonly resolveTimeoutMs: number
  /** Most peers to try for one request (`--mirror-resolve-retries`). */
  readonly resolveRetries: number
  readonly limits?: Partial<MirrorLimits>
}

/** Answers local clients with content that peers hold. */
export interface Mirror {
  /**
   * Answers `exchange` with the content that `path` names.
   * @throws {MirrorMissError} no peer gave it; nothing has been sent then
   * @throws {MirrorRangeError} the range asked for lies outside of the blob; nothing has been sent then
   * @throws {BodyBrokenError} a body broke off and no peer was left to take it up; the connection is ended then
   */
  answer(exchange: Exchange, path: ContentPath): Promise<void>
  /** What was learnt of `peer` from requests to it; undefined where there was none. */
  standing(peer: Peer): PeerStanding | undefined
  /** Ends what runs in the background. */
  close(): Promise<void>
}

/** Makes the mirror of one node; it keeps scores of peers across requests. */
export function createMirror(components: MirrorComponents, options: MirrorOptions): Mirror {
  const {
    router,
    metrics,
    log,
    peerClient,
    inProgress,
    bursts,
    now = () => performance.now(),
    random = Math.random,
  } = components
  const { resolveTimeoutMs, resolveRetries } = options
  const limits = { ...DEFAULT_LIMITS, ...options.limits }
  const scores = new MovingPeerScores({ now, random })
  const headerTimes = new HeaderTimes()
  const children = new ChildLookups({ router, log })
  const { doubts } = components
  const told = doubts === undefined ? {} : { doubts }
  const commits = inProgress && new CommitWatch({ inProgress, scores, metrics, log, now })
  const upstream = bursts && inProgress && new UpstreamRate({ inProgress, log, now })
  const requests = new PeerRequests({ client: peerClient, scores, headerTimes, metrics, log, now, ...told }, limits)
  const shared = { router, scores, headerTimes, requests, children, commits, bursts, upstream, metrics, log, now }
  const settings = { maxPeers: resolveRetries, resolveTimeoutMs, limits }
  const blobs = new BlobRelay(shared, settings)
  const manifests = new ManifestRelay(shared, settings)
  return {
    async answer(exchange, path) {
      const registry = metrics.registries.label(path.reference.registry)
      try {
        if (path.kind === 'blob') await blobs.answer(exchange, path)
        else await manifests.answer(exchange, path)
        metrics.mirrorRequests.inc({ registry, cache: 'hit' })
        metrics.mirrorLastSuccess.setToCurrentTime()
      } catch (error) {
        // A range outside of the blob and a client that hung up are neither.
        if (error instanceof BodyBrokenError) metrics.mirrorRequests.inc({ registry, cache: 'hit' })
        if (error instanceof MirrorMissError) metrics.mirrorRequests.inc({ registry, cache: 'miss' })
        throw error
      }
    },
    standing: peer => scores.standing(peer),
    async close() {
      await Promise.all([children.close(), commits?.close(), upstream?.close()])
    },
  }
}
