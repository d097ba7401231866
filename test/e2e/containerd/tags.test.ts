import assert from 'node:assert/strict'
import { e2e } from './e2e.ts'

const auto = { flags: ['--resolve-tags=auto'] } as const

e2e(
  'with auto a tag that moved upstream is pulled anew, and while upstream is down as last known',
  auto,
  async cluster => {
    const { upstream, nodes } = cluster
    const [a, b, c] = nodes
    const before = await upstream.push()
    await a.pull(before.name)
    const after = await upstream.push()
    assert.notEqual(after.digest, before.digest)
    for (const node of [b, a]) {
      await node.pull(after.name)
      assert.equal(await node.containerd.digestOf(after.name), after.digest)
    }
    await c.findsContent(after)
    await upstream.stop()
    await c.pull(after.name)
    assert.equal(await c.containerd.digestOf(after.name), after.digest)
    await c.assertHolds(after)
  },
)

e2e('with auto a lying peer changes nothing while upstream answers', auto, async ({ upstream, nodes: [a, b, c] }) => {
  const evil = await upstream.push({ repository: 'evil/app' })
  const good = await upstream.push()
  await a.pull(good.name)
  await b.pull(evil.name)
  await b.containerd.ctr('images', 'tag', evil.name, good.name)
  await c.findsContent(good)
  await c.pull(good.name)
  assert.equal(await c.containerd.digestOf(good.name), good.digest)
})

e2e('a pinned digest is what it was after its tag moved', { nodes: 2 }, async ({ upstream, nodes: [a, b] }) => {
  const before = await upstream.push()
  await a.pull(before.name)
  await b.finds(before)
  await upstream.push()
  await upstream.stop()
  await b.pull(before.named)
  await b.assertHolds(before)
})
