import type { UpstreamCounts } from './upstream.ts'

/** Bytes that a node got, by the address of the node that sent them, or `upstream`. */
export type BytesBySource = Readonly<Record<string, number>>

/** How one node got the image. */
export interface NodePull {
  /** Where its registry listens. */
  readonly node: string
  readonly seconds: number
  readonly bytes: number
  readonly from: BytesBySource
}

/** How all nodes at once got an image that none of them had. */
export interface BurstResult {
  readonly nodes: number
  readonly bytes: number
  readonly upstream: Pick<UpstreamCounts, 'blobRequests' | 'blobBytes'>
  /** What each node took, in their order. */
  readonly seconds: readonly number[]
  /** What one pull from upstream alone takes. */
  readonly directSeconds: number
}

/** What came of the demo; printed as it is by `--json`. */
export interface DemoResult {
  /** Whether every node has all of the image, every digest verified. */
  readonly ok: boolean
  readonly nodes: number
  readonly image: string
  readonly bytes: number
  /** In the order of the pulls; the first one is the cold one. */
  readonly pulls: readonly NodePull[]
  readonly upstream: UpstreamCounts
  /** Undefined where it did not come to that, or not every node got the image. */
  readonly burst?: BurstResult
}
