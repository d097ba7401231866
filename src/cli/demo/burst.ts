import type { PullResult } from '../pull/pull-image.ts'
import type { BurstResult, NodePull } from './result.ts'
import { type DemoNode, type DemoView, type PullOnto, ShownProgress } from './scenario.ts'
import type { SourceImage } from './source-image.ts'
import type { Upstream, UpstreamCounts } from './upstream.ts'

/** How fast upstream sends where nothing else is asked for: slow enough for nodes to wait for each other. */
const DEFAULT_BYTES_PER_SECOND = 10_000_000
/** How long one pull takes about, and how large its image may be. */
const SECONDS = 2.5
const MAX_BYTES = 30_000_000
/** How the image is split into layers. */
const LAYER_SHARES = [0.1, 0.3, 0.6] as const

/** Name of the image that all nodes pull at once. */
export const BURST_IMAGE_NAME = 'registry.example/demo/burst:1.0'

/** How upstream sends the image, and what is in its layers. */
export interface BurstPlan {
  readonly bytesPerSecond: number
  readonly layerBytes: readonly number[]
}

/** @param upstreamRate bytes a second that upstream is to send; undefined: as is good to watch */
export function planBurst(upstreamRate: number | undefined): BurstPlan {
  const bytesPerSecond = Math.min(upstreamRate ?? DEFAULT_BYTES_PER_SECOND, MAX_BYTES / SECONDS)
  const bytes = bytesPerSecond * SECONDS
  return { bytesPerSecond, layerBytes: LAYER_SHARES.map(share => Math.ceil(bytes * share)) }
}

/** Is shown what happens. */
export interface BurstView extends Pick<DemoView, 'pulling' | 'pulled'> {
  upstreamAsked(counts: Pick<UpstreamCounts, 'blobRequests' | 'blobBytes'>): void
}

export interface BurstComponents {
  readonly image: SourceImage
  readonly nodes: readonly DemoNode[]
  readonly upstream: Pick<Upstream, 'counts'>
  readonly pull: PullOnto
  /** Pulls the image from upstream alone. */
  readonly pullDirect: (options: { readonly signal: AbortSignal }) => Promise<Pick<PullResult, 'seconds'>>
  readonly view: BurstView
}

/** What came of the burst, or of the first pull that failed, as one phrase. */
export type BurstOutcome = { readonly burst: BurstResult } | { readonly failure: string }

/** All nodes pull at once what none of them has; before that somebody pulls it alone, to compare. */
export async function runBurst(
  { image, nodes, upstream, pull, pullDirect, view }: BurstComponents,
  options: { readonly signal: AbortSignal },
): Promise<BurstOutcome> {
  const { signal } = options
  try {
    const direct = await pullDirect(options)
    const before = upstream.counts()
    const pulls = nodes.map(async (node): Promise<NodePull> => {
      const progress = new ShownProgress(node.name, view)
      const { bytes, seconds, from } = await pull(node, { signal, progress })
      const done = { node: node.name, seconds: rounded(seconds), bytes, from }
      view.pulled(done)
      return done
    })
    // One that fails leaves the others be: it is told once all are over.
    await Promise.allSettled(pulls)
    const seconds = (await Promise.all(pulls)).map(({ seconds }) => seconds)
    const after = upstream.counts()
    const asked = {
      blobRequests: after.blobRequests - before.blobRequests,
      blobBytes: after.blobBytes - before.blobBytes,
    }
    view.upstreamAsked(asked)
    const directSeconds = rounded(direct.seconds)
    return { burst: { nodes: nodes.length, bytes: image.bytes, upstream: asked, seconds, directSeconds } }
  } catch (error) {
    signal.throwIfAborted()
    return { failure: `burst: ${error instanceof Error ? error.message : String(error)}` }
  }
}

function rounded(seconds: number): number {
  return Math.round(seconds * 1000) / 1000
}
