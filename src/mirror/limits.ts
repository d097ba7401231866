import type { StallLimits } from './stall-guard.ts'

/** How long peers are waited for. */
export interface MirrorLimits {
  /** Longest wait for a peer's response head, connecting included: what a dead peer costs. */
  readonly headersTimeoutMs: number
  /** The least that the bodies of a blob must bring. */
  readonly stall: StallLimits
  /** Longest wait for the content of a manifest. */
  readonly manifestTimeoutMs: number
}

export const DEFAULT_LIMITS: MirrorLimits = {
  // With the wait for a candidate before it, a dead peer delays a pull by less than 250 ms.
  headersTimeoutMs: 225,
  stall: { windowMs: 5000, minBytes: 64 * 1024, takeoverMs: 1000 },
  manifestTimeoutMs: 5000,
}

/** What the operator and the tests set of how requests are relayed. */
export interface RelayOptions {
  /** Most peers to try for one request. */
  readonly maxPeers: number
  /** Longest wait for a first candidate while no request is in flight. */
  readonly resolveTimeoutMs: number
  readonly limits: MirrorLimits
}
