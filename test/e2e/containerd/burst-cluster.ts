import assert from 'node:assert/strict'
import type { Digest } from '../../../src/oci/digest.ts'
import { until } from '../../until.ts'
import type { E2eNode } from './e2e-node.ts'
import type { UpstreamRequest } from './upstream/fault.ts'
import type { Upstream, UpstreamImage } from './upstream/upstream.ts'

export const MEGABYTE = 1_000_000
const LAYERS = [1 * MEGABYTE, 3 * MEGABYTE, 8 * MEGABYTE]
const BYTES_PER_SECOND = 6 * MEGABYTE
/** What a fault in the middle of a burst may add to a pull. */
const FAULT_MS = 10_000

/** An image that upstream sends in about two seconds. */
export async function pushSlowly(upstream: Upstream, repository = 'team/app'): Promise<UpstreamImage> {
  const image = await upstream.push({ layers: LAYERS, index: true, repository })
  upstream.throttle(BYTES_PER_SECOND)
  return image
}

export interface FetchLimits {
  readonly most: number
  /** Default: 1. */
  readonly least?: number
  /** The requests that count; default: all. */
  readonly counts?: (request: UpstreamRequest) => boolean
}

/** Fails where some content of `image` was fetched from upstream more often than `most` times, or less than `least`. */
export function assertFetched(
  upstream: Upstream,
  image: UpstreamImage,
  { most, least = 1, counts = () => true }: FetchLimits,
): void {
  const fetches = [...image.contents.keys()].map((digest): readonly [Digest, number] => [
    digest,
    upstream.requestsOf(digest).filter(counts).length,
  ])
  assert.deepEqual(
    fetches.filter(([, count]) => count < least || count > most),
    [],
  )
}

/** The last layer, once a part of it was sent, and the node that fetches it. */
export async function fetching<Node extends E2eNode>(upstream: Upstream, image: UpstreamImage, nodes: readonly Node[]) {
  const layer = lastLayer(image)
  await until(() => upstream.requestsOf(layer).some(({ bytes }) => bytes > MEGABYTE))
  const [request] = upstream.requestsOf(layer)
  const root = nodes.find(({ host }) => host.address === request?.client)
  assert.ok(root !== undefined, `${request?.client} is no node`)
  return { root, others: nodes.filter(node => node !== root) }
}

export function lastLayer(image: UpstreamImage): Digest {
  return image.layers.at(-1) ?? image.digest
}

export async function assertHold(image: UpstreamImage, nodes: readonly E2eNode[]): Promise<void> {
  for (const node of nodes) await node.assertHolds(image)
}

/** All nodes pull `image`; a pull that nobody awaits may fail. */
export function pullAll(image: UpstreamImage, nodes: readonly E2eNode[]): ReadonlyMap<E2eNode, Promise<void>> {
  return new Map(nodes.map(node => [node, node.pull(image.name)]))
}

/**
 * Awaits the pulls of `nodes`, which may end no later after a fault than an undisturbed pull of all takes, ten seconds and
 * `downMs`, for which nobody could do anything.
 */
export async function inTime(
  pulls: ReadonlyMap<E2eNode, Promise<void>>,
  nodes: readonly E2eNode[],
  { image, downMs = 0 }: { readonly image: UpstreamImage; readonly downMs?: number },
): Promise<void> {
  const limitMs = FAULT_MS + downMs + (image.bytes / BYTES_PER_SECOND) * 1000
  const startedAt = performance.now()
  for (const node of nodes) await pulls.get(node)
  const tookMs = performance.now() - startedAt
  assert.ok(tookMs <= limitMs, `pulls took ${tookMs.toFixed(0)} ms after the fault, not ${limitMs.toFixed(0)}`)
}
