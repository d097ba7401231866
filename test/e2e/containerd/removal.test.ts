import assert from 'node:assert/strict'
import { until } from '../../until.ts'
import { e2e } from './e2e.ts'
import { within } from './within.ts'

e2e('an image that every holder removes is withdrawn, and the next pull goes upstream at once', {}, async cluster => {
  const { upstream, nodes } = cluster
  const [a, b, c] = nodes
  const image = await upstream.push({ index: true })
  for (const node of [a, b]) await node.pull(image.name)
  await c.finds(image)
  assert.notEqual(await c.spegel.metric('spegel_provider_records'), 0)
  for (const node of [a, b]) await node.remove(image.name)
  await within(2000, async () => {
    for (const node of nodes) {
      assert.equal(await node.spegel.metric('spegel_advertised_image_tags'), 0)
      assert.equal(await node.spegel.metric('spegel_advertised_content_digests'), 0)
      assert.equal(await node.spegel.metric('spegel_provider_records'), 0)
    }
  })
  upstream.forget()
  await b.pull(image.name)
  await b.assertHolds(image)
  for (const digest of image.contents.keys()) assert.equal(upstream.requestsOf(digest).length, 1)
})

e2e('a peer whose content was deleted behind its back is passed over for another', {}, async ({ upstream, nodes }) => {
  const [a, b, c] = nodes
  const image = await upstream.push()
  for (const node of [a, b]) await node.pull(image.name)
  // Each advertises the tag and all digests; asking before both have done so would leave only one known for some seconds.
  const records = 2 * (image.contents.size + 1)
  await until(async () => (await c.spegel.metric('spegel_provider_records')) === records)
  await upstream.stop()
  for (const layer of image.layers) await a.containerd.removeBlob(layer)
  await c.pull(image.name)
  await c.assertHolds(image)
})

e2e('what the only holder lost behind its back is pulled from upstream', { nodes: 2 }, async ({ upstream, nodes }) => {
  const [a, b] = nodes
  const image = await upstream.push()
  await a.pull(image.name)
  await b.finds(image)
  upstream.forget()
  const [lost = image.digest] = image.layers
  await a.containerd.removeBlob(lost)
  await b.pull(image.name)
  await b.assertHolds(image)
  assert.deepEqual(
    upstream.requests.filter(({ method }) => method === 'GET').map(({ reference }) => reference),
    [lost],
  )
})
