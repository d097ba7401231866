import type { PeerFailure } from '../observability/metrics.ts'
import type { Peer } from '../routing/router.ts'

/** What is learnt from a request to a peer, in the order it happens; each `started` is followed by one final report. */
export type PeerReport =
  | { readonly type: 'started' }
  /** A good response head came. */
  | { readonly type: 'head'; readonly elapsedMs: number }
  /** Final: the body came whole. `waitedMs` is time spent waiting for the peer, not for the client. */
  | { readonly type: 'done'; readonly bytes: number; readonly waitedMs: number }
  /** Final: given up for reasons of our own; says nothing about the peer. */
  | { readonly type: 'abandoned' }
  /** Final. */
  | { readonly type: 'failed'; readonly reason: PeerFailure }
  /** At any time later: what came whole from it was not what its digest says. */
  | { readonly type: 'corrupt' }

/** What was learnt of a peer. */
export interface PeerStanding {
  /** Moving averages; undefined while nothing was measured. */
  readonly latencyMs: number | undefined
  readonly bytesPerSecond: number | undefined
  readonly inFlight: number
  /** Failures since the last whole answer. */
  readonly failures: number
  readonly quarantine: { readonly reason: PeerFailure; readonly remainingMs: number } | undefined
}

/** Learns which peers serve well, and says whom to ask first. */
export interface PeerScores {
  /**
   * The peers worth asking, best first. Peers in quarantine for having cost time (timeouts, stalls) or a whole pull
   * (corrupt content) are left out, those in quarantine for other failures come last. After a quarantine for time, one
   * request finds out for all whether the peer is well again.
   */
  order(peers: readonly Peer[]): readonly Peer[]
  report(peer: Peer, report: PeerReport): void
}

export interface ScoreComponents {
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number
  /** Uniform in [0, 1). */
  readonly random: () => number
}

/** Peers remembered; the one heard of longest ago is forgotten first. */
const MAX_SCORED_PEERS = 1024
const FIRST_QUARANTINE_MS = 1000
const LONGEST_QUARANTINE_MS = 60_000
/** Weight of the newest measurement in the moving averages. */
const NEWEST_WEIGHT = 0.3
/** Bodies below this size measure latency rather than throughput. */
const MIN_MEASURED_BYTES = 256 * 1024
/** The size of body that a peer's cost is computed for. */
const TYPICAL_BYTES = 1024 * 1024
/** Assumed of a peer never asked: optimistic, so that it is tried. */
const UNKNOWN_LATENCY_MS = 5
const UNKNOWN_BYTES_PER_MS = 100_000

/** Failures after which waiting again would cost the client time, not just another request. */
const COSTLY_FAILURES: ReadonlySet<PeerFailure> = new Set(['timeout', 'stall'])

interface Score {
  /** As the averages below, of nothing but measurements; undefined before the first. */
  measuredLatencyMs: number | undefined
  measuredBytesPerMs: number | undefined
  latencyMs: number
  bytesPerMs: number
  inFlight: number
  /** Failures since the last whole answer; those during a quarantine are of the same event and not counted again. */
  failures: number
  quarantinedUntil: number
  quarantineReason: PeerFailure | undefined
  /** Apart from the other quarantine, because a body that comes whole says nothing of whether it is right. */
  corruptUntil: number
}

/** Scores in memory, by peer id. */
export class MovingPeerScores implements PeerScores {
  readonly #now: () => number
  readonly #random: () => number
  readonly #scores = new Map<string, Score>()

  constructor(components: ScoreComponents) {
    this.#now = components.now
    this.#random = components.random
  }

  order(peers: readonly Peer[]): readonly Peer[] {
    const healthy: Peer[] = []
    const lastResort: Peer[] = []
    for (const peer of peers) {
      if (this.#isCorrupt(peer)) continue
      const reason = this.#quarantine(peer)
      if (reason === undefined) healthy.push(peer)
      else if (!COSTLY_FAILURES.has(reason)) lastResort.push(peer)
    }
    return [...this.#shuffle(healthy), ...this.#shuffle(lastResort)]
  }

  report(peer: Peer, report: PeerReport): void {
    const score = this.#touch(peer)
    switch (report.type) {
      case 'started':
        score.inFlight += 1
        return
      case 'head':
        score.latencyMs = average(score.latencyMs, report.elapsedMs)
        score.measuredLatencyMs = average(score.measuredLatencyMs, report.elapsedMs)
        // It is alive; whether it still stalls, its body will tell.
        if (score.quarantineReason === 'timeout') score.quarantineReason = undefined
        return
      case 'done':
        if (report.bytes >= MIN_MEASURED_BYTES) {
          const bytesPerMs = report.bytes / Math.max(1, report.waitedMs)
          score.bytesPerMs = average(score.bytesPerMs, bytesPerMs)
          score.measuredBytesPerMs = average(score.measuredBytesPerMs, bytesPerMs)
        }
        score.failures = 0
        score.quarantineReason = undefined
        break
      case 'abandoned':
        break
      case 'corrupt':
        // One pull failed for it: long enough that the next attempt does not meet the same peer.
        score.corruptUntil = this.#now() + LONGEST_QUARANTINE_MS
        return
      case 'failed':
        this.#punish(score, report.reason)
        break
    }
    score.inFlight = Math.max(0, score.inFlight - 1)
  }

  /** What is known of `peer`; undefined where it was never asked. */
  standing(peer: Peer): PeerStanding | undefined {
    const score = this.#scores.get(peer.id)
    if (score === undefined) return undefined
    const { measuredLatencyMs, measuredBytesPerMs, inFlight, failures } = score
    const reason = this.#isCorrupt(peer) ? 'corrupt' : this.#quarantine(peer)
    const until = reason === 'corrupt' ? score.corruptUntil : score.quarantinedUntil
    return {
      latencyMs: measuredLatencyMs,
      bytesPerSecond: measuredBytesPerMs && measuredBytesPerMs * 1000,
      inFlight,
      failures,
      quarantine: reason && { reason, remainingMs: Math.max(0, until - this.#now()) },
    }
  }

  #punish(score: Score, reason: PeerFailure): void {
    const now = this.#now()
    const confined = score.quarantineReason !== undefined && now < score.quarantinedUntil
    if (!confined) {
      score.quarantinedUntil = now + Math.min(LONGEST_QUARANTINE_MS, FIRST_QUARANTINE_MS * 2 ** score.failures)
      score.failures += 1
    }
    if (!confined || COSTLY_FAILURES.has(reason)) score.quarantineReason = reason
  }

  #isCorrupt(peer: Peer): boolean {
    const score = this.#scores.get(peer.id)
    return score !== undefined && this.#now() < score.corruptUntil
  }

  /** Why `peer` is in quarantine now; undefined where it is not. */
  #quarantine(peer: Peer): PeerFailure | undefined {
    const score = this.#scores.get(peer.id)
    if (score?.quarantineReason === undefined) return undefined
    const probed = score.inFlight > 0 && COSTLY_FAILURES.has(score.quarantineReason)
    return probed || this.#now() < score.quarantinedUntil ? score.quarantineReason : undefined
  }

  /**
   * Power of two choices, repeated: of two peers drawn at random the cheaper goes next. Choosing the cheapest of all
   * would send every node to the same peer.
   */
  #shuffle(peers: Peer[]): Peer[] {
    const ordered: Peer[] = []
    while (peers.length > 0) {
      const [first] = peers.splice(Math.floor(this.#random() * peers.length), 1)
      if (first === undefined) break
      const rivalAt = Math.floor(this.#random() * peers.length)
      const rival = peers[rivalAt]
      if (rival !== undefined && this.#cost(rival) < this.#cost(first)) {
        peers[rivalAt] = first
        ordered.push(rival)
      } else {
        ordered.push(first)
      }
    }
    return ordered
  }

  /** Expected milliseconds for a typical body, worse with each request the peer is busy with and each recent failure. */
  #cost(peer: Peer): number {
    const score = this.#scores.get(peer.id)
    if (score === undefined) return UNKNOWN_LATENCY_MS + TYPICAL_BYTES / UNKNOWN_BYTES_PER_MS
    return (score.latencyMs + TYPICAL_BYTES / score.bytesPerMs) * (1 + score.inFlight) * (1 + score.failures)
  }

  /** The score of `peer`, made where there is none and marked as the most recently used. */
  #touch(peer: Peer): Score {
    const known = this.#scores.get(peer.id)
    const score = known ?? {
      measuredLatencyMs: undefined,
      measuredBytesPerMs: undefined,
      latencyMs: UNKNOWN_LATENCY_MS,
      bytesPerMs: UNKNOWN_BYTES_PER_MS,
      inFlight: 0,
      failures: 0,
      quarantinedUntil: 0,
      quarantineReason: undefined,
      corruptUntil: 0,
    }
    this.#scores.delete(peer.id)
    this.#scores.set(peer.id, score)
    if (this.#scores.size > MAX_SCORED_PEERS) {
      const [oldest] = this.#scores.keys()
      if (oldest !== undefined) this.#scores.delete(oldest)
    }
    return score
  }
}

/** A moving average after one more measurement. */
function average(before: number | undefined, newest: number): number {
  return before === undefined ? newest : before + NEWEST_WEIGHT * (newest - before)
}
