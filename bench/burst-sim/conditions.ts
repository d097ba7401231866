import { type Digest, digestOf } from '../../src/oci/digest.ts'

export const MB = 1e6
/** What is read, written and sent at a time: containerd's downloads grow by about as much. */
export const CHUNK_BYTES = 1024 * 1024

export interface ImageBlob {
  readonly digest: Digest
  readonly size: number
  /** Served only once it is complete. */
  readonly isManifest: boolean
}

/** What a burst takes place in. Rates in bytes a second. */
export interface Conditions {
  readonly nodes: number
  /** The pulls start at random moments within this time. */
  readonly spreadMs: number
  /** Share of the nodes that die at a random moment of the burst, half of them with their connections reset. */
  readonly failing: number
  /** Of upstream to all nodes together. */
  readonly upstreamRate: number
  /** Of a node's link, in either direction. */
  readonly nodeRate: number
  /** One way, between two nodes. */
  readonly latencyMs: number
  /** From a request to upstream to the first byte. */
  readonly upstreamLatencyMs: number
  /** CPU time that a claim costs each side. */
  readonly claimMs: number
  readonly seed: number
}

/** In the order in which they are asked for: one after the other down to the config, then layers, some at a time. */
export const IMAGE: readonly ImageBlob[] = [
  blob('manifest', 2000, true),
  blob('config', 8000),
  ...[200, 90, 45, 15].map((size, index) => blob(`layer ${index}`, size * MB)),
]
export const IMAGE_BYTES = IMAGE.reduce((sum, { size }) => sum + size, 0)
/** Blobs of which each is fetched alone. */
export const FIRST = 2
/** Layers that CRI fetches at a time. */
export const PARALLEL_LAYERS = 3

/** No protocol that sends the whole image to each node can be faster than this, in milliseconds. */
export function boundMs({ upstreamRate, nodeRate }: Conditions): number {
  return (1000 * IMAGE_BYTES) / Math.min(upstreamRate, nodeRate)
}

function blob(name: string, size: number, isManifest = false): ImageBlob {
  return { digest: digestOf(Buffer.from(name)), size, isManifest }
}
