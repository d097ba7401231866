import assert from 'node:assert/strict'
import { until } from '../../until.ts'
import { e2e } from './e2e.ts'
import type { E2eNode } from './e2e-node.ts'
import type { UpstreamImage } from './upstream/upstream.ts'
import { within } from './within.ts'

async function assertAdvertisesOnly(node: E2eNode, image: UpstreamImage): Promise<void> {
  assert.equal(await node.spegel.metric('spegel_advertised_image_tags'), 1)
  assert.equal(await node.spegel.metric('spegel_advertised_image_digests'), 1)
  assert.equal(await node.spegel.metric('spegel_advertised_content_digests'), image.contents.size - 1)
}

const FILTERED = { flags: ['--registry-filters', '^registry\\.test/secret/', ':private$'], nodes: 2 } as const
e2e(
  'what a filter matches is pulled from upstream by everyone, whatever its tag or digest',
  FILTERED,
  async cluster => {
    const { upstream, nodes } = cluster
    const [a, b] = nodes
    const open = await upstream.push()
    const filtered = [
      await upstream.push({ repository: 'secret/app' }),
      await upstream.push({ repository: 'team/other', tag: 'private' }),
    ]
    for (const image of [open, ...filtered]) await a.pull(image.name)
    await b.finds(open)
    await assertAdvertisesOnly(a, open)
    for (const image of filtered) {
      upstream.forget()
      await b.pull(image.name)
      await b.assertHolds(image)
      for (const digest of image.contents.keys()) assert.equal(upstream.requestsOf(digest).length, 1)
    }
    assert.equal(await a.spegel.metric('spegel_upload_bytes_total'), 0)
  },
)

e2e('what a filter matches is not offered while it is being pulled, either', FILTERED, async ({ upstream, nodes }) => {
  const [a, b] = nodes
  const open = await upstream.push()
  await a.pull(open.name)
  await b.finds(open)
  const secret = await upstream.push({ repository: 'secret/app', layers: [1000, 8_000_000] })
  const [small = secret.digest, large = secret.digest] = secret.layers
  upstream.throttle(4_000_000)
  const pull = a.pull(secret.name)
  await a.committed(small)
  await a.containerd.downloading(large)
  // Under a name that passes, as a node would ask that knows the digest.
  const asPeer = { 'x-spegel-mirrored': 'true' }
  const target = `/v2/${open.repository}/blobs/${small}?ns=${upstream.registry}`
  while ((await a.containerd.downloads()).has(large)) {
    assert.equal(await a.spegel.status('HEAD', target, asPeer), 404)
    await assertAdvertisesOnly(a, open)
  }
  await pull
  const other = await upstream.push({ repository: 'team/marker', tag: 'marker' })
  await a.pull(other.name)
  await b.finds(other)
  assert.equal(await a.spegel.status('HEAD', target, asPeer), 404)
})

for (const contentPath of ['/nonexistent', '']) {
  const options = { flags: [`--containerd-content-path=${contentPath}`], nodes: 2 } as const
  e2e(
    `with the content path "${contentPath}" content is served all the same`,
    options,
    async ({ upstream, nodes: [a, b] }) => {
      const image = await upstream.push({ index: true })
      await a.pull(image.name)
      await b.finds(image)
      await upstream.stop()
      await b.pull(image.name)
      await b.assertHolds(image)
    },
  )
}

e2e('a socket that appears later is used once it is there', { nodes: 1 }, async ({ upstream, nodes: [node] }) => {
  const image = await upstream.push()
  await node.pull(image.name)
  await node.containerd.stop()
  await node.spegel.restart()
  await until(() => node.spegel.log.some(({ msg }) => /containerd/.test(String(msg))))
  assert.equal(await node.spegel.status('GET', '/readyz'), 503)
  await node.containerd.start()
  await within(5000, async () => assert.equal(await node.headStatus(image, image.digest), 200))
})

e2e('a socket that is not there is named once, and a pull goes on without', { nodes: 1 }, async cluster => {
  const { upstream, nodes } = cluster
  const [node] = nodes
  const socket = '/nonexistent/containerd.sock'
  await node.spegel.restart([`--containerd-sock=${socket}`])
  await until(() => node.spegel.log.some(line => JSON.stringify(line).includes(socket)))
  const image = await upstream.push()
  await node.pull(image.name)
  await node.assertHolds(image)
  assert.equal(node.spegel.log.filter(line => JSON.stringify(line).includes(socket)).length, 1)
})
