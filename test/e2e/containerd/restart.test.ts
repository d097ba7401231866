import assert from 'node:assert/strict'
import type { Cluster } from './cluster.ts'
import { e2e } from './e2e.ts'
import type { E2eNode } from './e2e-node.ts'
import type { Upstream } from './upstream/upstream.ts'
import { within } from './within.ts'

/** What a node must have advertised again by then. */
const RECOVERY_MS = 5000
const MEGABYTE = 1_000_000

async function assertAdvertises(node: E2eNode, images: number): Promise<void> {
  assert.equal(await node.spegel.metric('spegel_advertised_image_tags'), images)
}

/** `node`'s containerd goes, comes back and changes what it holds; the mirror, the same process, notices. */
async function assertFollows(node: E2eNode, upstream: Upstream): Promise<void> {
  const { pid } = node.spegel.program
  const kept = await upstream.push({ tag: 'kept' })
  await node.pull(kept.name)
  await within(RECOVERY_MS, () => assertAdvertises(node, 1))
  await node.containerd.restart()
  const added = await upstream.push({ tag: 'added' })
  await node.pull(added.name)
  await within(RECOVERY_MS, () => assertAdvertises(node, 2))
  await node.remove(kept.name)
  await within(RECOVERY_MS, () => assertAdvertises(node, 1))
  assert.ok(node.spegel.program.running)
  assert.equal(node.spegel.program.pid, pid)
}

e2e('a restart of containerd is followed by the same process', { nodes: 2 }, async ({ upstream, nodes }) => {
  await assertFollows(nodes[0], upstream)
})

const POD = { nodes: 2, mount: 'directory' } as const
e2e('a restart of containerd is followed through a mounted directory', POD, async ({ upstream, nodes }) => {
  await assertFollows(nodes[0], upstream)
})

/** A and B, and an image of one layer that A has and B is in the middle of getting from A. */
async function duringTransfer({ upstream, nodes: [a, b] }: Cluster<2>) {
  const image = await upstream.push({ layers: [8 * MEGABYTE] })
  const [layer = image.digest] = image.layers
  await a.pull(image.name)
  await b.finds(image)
  await upstream.stop()
  await a.host.throttle(4 * MEGABYTE)
  const pull = b.pull(image.name)
  await b.containerd.downloading(layer)
  return { image, pull }
}

e2e('a transfer goes on while the containerd of its source restarts', { nodes: 2 }, async cluster => {
  const [a, b] = cluster.nodes
  const { image, pull } = await duringTransfer(cluster)
  await a.containerd.restart()
  await pull
  await b.assertHolds(image)
})

e2e('a pull that its own containerd broke off by a restart works the second time', { nodes: 2 }, async cluster => {
  const [, b] = cluster.nodes
  const { pid } = b.spegel.program
  const { image, pull } = await duringTransfer(cluster)
  await b.containerd.restart()
  await assert.rejects(pull)
  await b.pull(image.name)
  await b.assertHolds(image)
  assert.ok(b.spegel.program.running)
  assert.equal(b.spegel.program.pid, pid)
})

e2e(
  'while containerd is away, what it held is still served, though nobody had asked for it before',
  { nodes: 2 },
  async ({ upstream, nodes: [a, b] }) => {
    const image = await upstream.push({ index: true })
    await a.pull(image.name)
    // The tag is known before the content.
    await within(RECOVERY_MS, async () => {
      assert.equal(await a.spegel.metric('spegel_advertised_content_digests'), image.contents.size - 1)
    })
    await upstream.stop()
    await a.containerd.stop()
    await within(RECOVERY_MS, () => b.pull(image.pinned))
    await b.assertHolds(image)
  },
)

const FILE = { nodes: 1, mount: 'file' } as const
e2e(
  'a mounted socket file is dead after a restart: the process says so and ends',
  FILE,
  async ({ upstream, nodes }) => {
    const [{ spegel, containerd }] = nodes
    const image = await upstream.push()
    await nodes[0].pull(image.name)
    await within(RECOVERY_MS, () => assertAdvertises(nodes[0], 1))
    await containerd.restart()
    assert.equal(await spegel.program.exit(), 1)
    const last = spegel.log.at(-1)
    assert.match(JSON.stringify(last), /director/)
  },
)
