import assert from 'node:assert/strict'
import type { Digest } from '../../../src/oci/digest.ts'
import { until } from '../../until.ts'
import { e2e } from './e2e.ts'
import type { E2eNode } from './e2e-node.ts'
import type { Upstream, UpstreamImage } from './upstream/upstream.ts'

const MEGABYTE = 1_000_000
/** Each takes longer than the pulls are apart, so that all of them find it under way. */
const LAYERS = [3 * MEGABYTE, 3 * MEGABYTE, 3 * MEGABYTE, 3 * MEGABYTE]
const BYTES_PER_SECOND = 6 * MEGABYTE
const CHUNK_BYTES = MEGABYTE

/** An image of four layers that upstream sends in about two seconds. */
async function pushSlowly(upstream: Upstream, repository = 'team/app'): Promise<UpstreamImage> {
  const image = await upstream.push({ layers: LAYERS, index: true, repository })
  upstream.throttle(BYTES_PER_SECOND)
  return image
}

/** Waits until every node knows every other. */
async function acquainted(nodes: readonly E2eNode[]): Promise<void> {
  await until(async () => {
    const peers = await Promise.all(nodes.map(({ spegel }) => spegel.metric('spegel_peers')))
    return peers.every(count => count === nodes.length - 1)
  })
}

/** Who fetched `digest` from upstream, once for each request. */
function fetchers(upstream: Upstream, digest: Digest): readonly string[] {
  return upstream.requestsOf(digest).map(({ client }) => client)
}

/** What was not fetched from upstream exactly once, and by whom it was. */
function notOnce(upstream: Upstream, image: UpstreamImage): readonly (readonly [Digest, readonly string[]])[] {
  const all = [...image.contents.keys()].map(digest => [digest, fetchers(upstream, digest)] as const)
  return all.filter(([, clients]) => clients.length !== 1)
}

/** Bytes of the layers of `images`, and of all else. */
function sizes(images: readonly UpstreamImage[]): { readonly layers: number; readonly others: number } {
  let [layers, all] = [0, 0]
  for (const image of images) {
    for (const digest of image.layers) layers += image.contents.get(digest) ?? 0
    all += image.bytes
  }
  return { layers, others: all - layers }
}

/**
 * Everything is where it should be, and no node sent its layers to more than two others. Manifests and the like, some
 * hundred bytes, are had from whoever has them.
 */
async function assertShared(nodes: readonly E2eNode[], images: readonly UpstreamImage[]): Promise<void> {
  for (const node of nodes) for (const image of images) await node.assertHolds(image)
  const { layers, others } = sizes(images)
  const most = 2 * layers + (nodes.length - 1) * others
  for (const { spegel } of nodes) {
    const uploaded = await spegel.metric('spegel_upload_bytes_total')
    assert.ok(uploaded <= most, `${uploaded} bytes were sent of ${layers}`)
  }
}

e2e('pulls at the same moment fetch each part from upstream once', { nodes: 6 }, async ({ upstream, nodes }) => {
  await acquainted(nodes)
  const image = await pushSlowly(upstream)
  await Promise.all(nodes.map(node => node.pull(image.name)))
  assert.deepEqual(notOnce(upstream, image), [])
  await assertShared(nodes, [image])
})

e2e('pulls that start one after the other fetch each part from upstream once', {}, async ({ upstream, nodes }) => {
  await acquainted(nodes)
  const image = await pushSlowly(upstream)
  const pulls = nodes.map(async (node, index) => {
    await until(() => upstream.bytes >= (index * image.bytes) / nodes.length)
    await node.pull(image.name)
  })
  await Promise.all(pulls)
  assert.deepEqual(notOnce(upstream, image), [])
  await assertShared(nodes, [image])
})

e2e('pulls of two images fetch each part of both from upstream once', { nodes: 4 }, async ({ upstream, nodes }) => {
  await acquainted(nodes)
  const images = [await pushSlowly(upstream), await pushSlowly(upstream, 'team/other')]
  await Promise.all(nodes.flatMap(node => images.map(image => node.pull(image.name))))
  for (const image of images) assert.deepEqual(notOnce(upstream, image), [])
  await assertShared(nodes, images)
})

const IN_CHUNKS = {
  nodes: 4,
  // Older ones do not know how.
  since: '2.1',
  containerdConfig: `[plugins."io.containerd.transfer.v1.local"]
  concurrent_layer_fetch_buffer = ${CHUNK_BYTES}
`,
} as const
e2e('layers that are fetched in parallel chunks are fetched by one node', IN_CHUNKS, async ({ upstream, nodes }) => {
  await acquainted(nodes)
  const image = await pushSlowly(upstream)
  await Promise.all(nodes.map(node => node.pull(image.name)))
  for (const digest of image.contents.keys()) {
    assert.equal(new Set(fetchers(upstream, digest)).size, 1)
    const ranges = upstream.requestsOf(digest).map(({ range }) => range)
    assert.equal(new Set(ranges).size, ranges.length, `${ranges.join(', ')} of ${digest}`)
  }
  const [largest] = image.layers.slice(-1)
  assert.ok(largest !== undefined && upstream.requestsOf(largest).length > 1, 'nothing was fetched in chunks')
  await assertShared(nodes, [image])
})

const HALF = { nodes: 4, flagsOf: [[], ['--coalesce=false'], [], ['--coalesce=false']] } as const
e2e('nodes that do not coalesce fetch once each, the others once together', HALF, async ({ upstream, nodes }) => {
  await acquainted(nodes)
  const image = await pushSlowly(upstream)
  await Promise.all(nodes.map(node => node.pull(image.name)))
  const apart = new Set([nodes[1], nodes[3]].map(({ host }) => host.address))
  for (const digest of image.contents.keys()) {
    const clients = fetchers(upstream, digest)
    assert.equal(new Set(clients).size, clients.length, `${digest} was fetched by ${clients.join(', ')}`)
    // What one of them has whole before another asks for it comes from there, as always.
    assert.ok(clients.filter(client => !apart.has(client)).length <= 1)
  }
  await assertShared(nodes, [image])
})
