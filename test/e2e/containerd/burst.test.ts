import assert from 'node:assert/strict'
import type { Digest } from '../../../src/oci/digest.ts'
import { until } from '../../until.ts'
import { e2e } from './e2e.ts'
import type { E2eNode } from './e2e-node.ts'
import type { UpstreamRequest } from './upstream/fault.ts'
import type { Upstream, UpstreamImage } from './upstream/upstream.ts'

const MEGABYTE = 1_000_000
const LAYERS = [1 * MEGABYTE, 3 * MEGABYTE, 8 * MEGABYTE]
const BYTES_PER_SECOND = 6 * MEGABYTE

/** An image that upstream sends in about two seconds. */
async function pushSlowly(upstream: Upstream, repository = 'team/app'): Promise<UpstreamImage> {
  const image = await upstream.push({ layers: LAYERS, index: true, repository })
  upstream.throttle(BYTES_PER_SECOND)
  return image
}

/** The content of `image` that was fetched from upstream more often than `most` times, or never. */
function otherThan(upstream: Upstream, image: UpstreamImage, most: number): readonly (readonly [Digest, number])[] {
  const counts = [...image.contents.keys()].map(digest => [digest, upstream.requestsOf(digest).length] as const)
  return counts.filter(([, count]) => count === 0 || count > most)
}

/** The last layer, once a part of it was sent, and the node that fetches it. */
async function fetching(upstream: Upstream, image: UpstreamImage, nodes: readonly E2eNode[]) {
  const layer = image.layers.at(-1) ?? image.digest
  await until(() => upstream.requestsOf(layer).some(({ bytes }) => bytes > MEGABYTE))
  const [request] = upstream.requestsOf(layer)
  const root = nodes.find(({ host }) => host.address === request?.client)
  assert.ok(root !== undefined, `${request?.client} is no node`)
  return { root, others: nodes.filter(node => node !== root) }
}

async function assertHold(image: UpstreamImage, nodes: readonly E2eNode[]): Promise<void> {
  for (const node of nodes) await node.assertHolds(image)
}

e2e('all nodes pull two images at once, and upstream is asked for each part once', {}, async ({ upstream, nodes }) => {
  const images = [await pushSlowly(upstream), await pushSlowly(upstream, 'team/other')]
  await Promise.all(nodes.flatMap(node => images.map(image => node.pull(image.name))))
  for (const image of images) {
    assert.deepEqual(otherThan(upstream, image, 1), [])
    await assertHold(image, nodes)
  }
  const bytes = images.reduce((sum, image) => sum + image.bytes, 0)
  for (const { spegel } of nodes) assert.ok((await spegel.metric('spegel_upload_bytes_total')) <= 2 * bytes)
})

e2e('a node that comes late follows those that pull', {}, async ({ upstream, nodes }) => {
  const image = await pushSlowly(upstream)
  const [, , late] = nodes
  const pulls = nodes.filter(node => node !== late).map(node => node.pull(image.name))
  await until(() => upstream.bytes > 6 * MEGABYTE)
  await Promise.all([...pulls, late.pull(image.name)])
  assert.deepEqual(otherThan(upstream, image, 1), [])
  await assertHold(image, nodes)
})

for (const [what, happen] of [
  [
    'dies',
    async ({ spegel, containerd }) => {
      await Promise.all([containerd.stop('SIGKILL'), spegel.program[Symbol.asyncDispose]()])
    },
  ],
  ['loses its containerd', async ({ containerd }) => await containerd.stop('SIGKILL')],
  ['loses its mirror', async ({ spegel }) => await spegel.program[Symbol.asyncDispose]()],
] as const satisfies readonly (readonly [string, (root: E2eNode) => Promise<void>])[]) {
  e2e(`a node that fetches ${what}, and the others pull on`, {}, async cluster => {
    const { upstream, nodes } = cluster
    const image = await pushSlowly(upstream)
    const pulls = nodes.map(node => ({ node, pulled: node.pull(image.name) }))
    const { root, others } = await fetching(upstream, image, nodes)
    await happen(root)
    await Promise.all(pulls.filter(({ node }) => node !== root).map(({ pulled }) => pulled))
    await assertHold(image, others)
  })
}

e2e('upstream that ends every connection early is asked for the rest by one node', {}, async ({ upstream, nodes }) => {
  const image = await pushSlowly(upstream)
  using _fault = upstream.inject({ kind: 'cut', afterBytes: 2 * MEGABYTE, how: 'fin' })
  await Promise.all(nodes.map(node => node.pull(image.name)))
  // Some more than the eight million bytes of the largest layer need.
  assert.deepEqual(otherThan(upstream, image, 6), [])
  await assertHold(image, nodes)
})

e2e('a node that upstream refuses fails alone, and keeps no other from pulling', {}, async ({ upstream, nodes }) => {
  const image = await pushSlowly(upstream)
  const [stranger, ...others] = nodes
  const isRefused = ({ client, reference }: UpstreamRequest): boolean =>
    client === stranger.host.address && image.blobs.some(blob => blob === reference)
  using _fault = upstream.inject({ kind: 'status', status: 403 }, isRefused)
  const refused = assert.rejects(stranger.pull(image.name))
  // It has claimed what the others come to want.
  await until(() => upstream.requests.some(isRefused))
  await Promise.all(others.map(node => node.pull(image.name)))
  await refused
  await assertHold(image, others)
})
