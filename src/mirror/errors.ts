import { PeerBusyError, PeerConnectError, PeerTimeoutError } from '../http/errors.ts'
import type { MissReason, PeerFailure } from '../observability/metrics.ts'

/** A peer answered with a status that is not the one wanted. */
export class PeerStatusError extends Error {
  readonly code = 'PEER_STATUS'
  readonly status: number

  constructor(status: number) {
    super(`peer answered ${status}`)
    this.name = 'PeerStatusError'
    this.status = status
  }
}

/** What a peer sent is not what was asked for: digest, size, range or media type do not agree. */
export class PeerMismatchError extends Error {
  readonly code = 'PEER_MISMATCH'

  constructor(reason: string, options?: ErrorOptions) {
    super(`peer sent other content than asked for: ${reason}`, options)
    this.name = 'PeerMismatchError'
  }
}

/** A peer's body came too slowly to go on waiting for it. */
export class PeerStallError extends Error {
  readonly code = 'PEER_STALL'

  constructor(bytes: number, waitedMs: number) {
    super(`only ${bytes} bytes came in ${waitedMs} ms`)
    this.name = 'PeerStallError'
  }
}

/** A peer's body comes much slower than upstream is known to send. */
export class PeerSlowError extends Error {
  readonly code = 'PEER_SLOW'

  constructor() {
    super('upstream is much faster than peers that fetch from it')
    this.name = 'PeerSlowError'
  }
}

/** Nothing came of a peer that fetches it too, and this node's own downloads wait for the request to end. */
export class PeerYieldError extends Error {
  readonly code = 'PEER_YIELD'

  constructor() {
    super('nothing came from the peer, and the request makes room for others')
    this.name = 'PeerYieldError'
  }
}

/** A manifest is not read, because manifests take as much memory already as they may. */
export class ManifestMemoryError extends Error {
  readonly code = 'MANIFEST_MEMORY'

  constructor(bytes: number) {
    super(`no memory left for a manifest of ${bytes} bytes`)
    this.name = 'ManifestMemoryError'
  }
}

/** What was asked for, or the rest of it, is not to be had from peers now: a miss, and the client asks its next host. */
export class MirrorMissError extends Error {
  readonly code = 'MIRROR_MISS'
  readonly reason: MissReason

  constructor(what: string, reason: MissReason, options?: ErrorOptions) {
    super(`no peer gave ${what}: ${reason}`, options)
    this.name = 'MirrorMissError'
    this.reason = reason
  }
}

/** The range that a client asks for lies outside of the blob. */
export class MirrorRangeError extends Error {
  readonly code = 'MIRROR_RANGE'
  /** Size of the blob. */
  readonly total: number

  constructor(what: string, total: number) {
    super(`range outside of the ${total} bytes of ${what}`)
    this.name = 'MirrorRangeError'
    this.total = total
  }
}

/** Statuses that say the peer does not hold the content any more, or not so much of it yet: the peer itself is fine. */
const ABSENT: ReadonlySet<number> = new Set([404, 410, 416])

/** Whether `error` says nothing against the peer: it lacks the content, or this node holds itself back. */
export function isBlameless(error: unknown): boolean {
  if (error instanceof PeerBusyError || error instanceof PeerSlowError || error instanceof PeerYieldError) return true
  return error instanceof PeerStatusError && ABSENT.has(error.status)
}

/** The class of a failed request to a peer, as counted and scored. */
export function peerFailure(error: unknown): PeerFailure {
  if (error instanceof PeerStatusError) return error.status === 503 ? 'busy' : 'status'
  if (error instanceof PeerBusyError) return 'busy'
  if (error instanceof PeerMismatchError) return 'mismatch'
  if (error instanceof PeerStallError || error instanceof PeerSlowError || error instanceof PeerYieldError)
    return 'stall'
  if (error instanceof PeerTimeoutError) return 'timeout'
  if (error instanceof PeerConnectError) return 'connect'
  return 'reset'
}
