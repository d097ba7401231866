import assert from 'node:assert/strict'
import { e2e } from './e2e.ts'

for (const index of [false, true]) {
  const what = index ? 'a multi-platform image' : 'an image'
  e2e(`B and C pull ${what} by tag, by tag and digest and by digest while upstream is down`, {}, async cluster => {
    const { upstream, nodes } = cluster
    const [a, b, c] = nodes
    const image = await upstream.push({ index })
    await a.pull(image.name)
    for (const digest of image.contents.keys()) assert.equal(upstream.requestsOf(digest).length, 1)
    await b.finds(image)
    await c.finds(image)
    await upstream.stop()
    upstream.forget()
    for (const [node, name] of [
      [b, image.name],
      [c, image.named],
    ] as const) {
      await node.pull(name)
      await node.assertHolds(image)
      await node.remove(name)
      assert.deepEqual(await node.containerd.digests(), [])
      await node.pull(image.pinned)
      await node.assertHolds(image)
      assert.equal(await node.spegel.metric('spegel_served_bytes_total', 'source="peer"'), 2 * image.bytes)
    }
    assert.equal(upstream.requests.length, 0)
  })
}

e2e('ctr pulls through the mirror as CRI does', { nodes: 2 }, async ({ upstream, nodes: [a, b] }) => {
  const image = await upstream.push({ index: true })
  await a.containerd.ctrPull(image.name)
  await b.finds(image)
  await upstream.stop()
  await b.containerd.ctrPull(image.name)
  await b.assertHolds(image)
})
