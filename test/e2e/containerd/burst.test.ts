import assert from 'node:assert/strict'
import { until } from '../../until.ts'
import { assertFetched, assertHold, fetching, inTime, MEGABYTE, pullAll, pushSlowly } from './burst-cluster.ts'
import { e2e } from './e2e.ts'
import type { E2eNode } from './e2e-node.ts'
import type { UpstreamRequest } from './upstream/fault.ts'

e2e('all nodes pull two images at once, and upstream is asked for each part once', {}, async ({ upstream, nodes }) => {
  const images = [await pushSlowly(upstream), await pushSlowly(upstream, 'team/other')]
  await Promise.all(nodes.flatMap(node => images.map(image => node.pull(image.name))))
  for (const image of images) {
    assertFetched(upstream, image, { most: 1 })
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
  assertFetched(upstream, image, { most: 1 })
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
  e2e(`a node that fetches ${what}, and the others pull on with one more fetch`, {}, async cluster => {
    const { upstream, nodes } = cluster
    const image = await pushSlowly(upstream)
    const pulls = pullAll(image, nodes)
    const { root, others } = await fetching(upstream, image, nodes)
    await happen(root)
    await inTime(pulls, others, { image })
    await assertHold(image, others)
    assertFetched(upstream, image, { most: 2 })
  })
}

e2e('upstream that ends every connection early is asked for the rest by one node', {}, async ({ upstream, nodes }) => {
  const image = await pushSlowly(upstream)
  using _fault = upstream.inject({ kind: 'cut', afterBytes: 2 * MEGABYTE, how: 'fin' })
  await Promise.all(nodes.map(node => node.pull(image.name)))
  // Some more than the eight million bytes of the largest layer need.
  assertFetched(upstream, image, { most: 6 })
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
  // Manifests they may have from the stranger, which was let have those.
  assertFetched(upstream, image, { most: 1, least: 0, counts: ({ client }) => client !== stranger.host.address })
})
