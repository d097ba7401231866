import assert from 'node:assert/strict'
import { until } from '../../until.ts'
import { e2e } from './e2e.ts'
import { within } from './within.ts'

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
    // Until an image has its name, its content can't be told from others'.
    await within(2000, async () => {
      assert.equal(await a.spegel.metric('spegel_advertised_image_tags'), 1)
      assert.equal(await a.spegel.metric('spegel_advertised_image_digests'), 1)
      assert.equal(await a.spegel.metric('spegel_advertised_content_digests'), open.contents.size - 1)
    })
    for (const image of filtered) {
      upstream.forget()
      await b.pull(image.name)
      await b.assertHolds(image)
      for (const digest of image.contents.keys()) assert.equal(upstream.requestsOf(digest).length, 1)
    }
    assert.equal(await a.spegel.metric('spegel_upload_bytes_total'), 0)
  },
)

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
