import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { Digest } from '../../src/oci/digest.ts'
import { ContainerdInProgress } from '../../src/store/containerd/containerd-in-progress.ts'
import type { GrowingBlob, Growth } from '../../src/store/store.ts'
import { until } from '../until.ts'
import { ChildProgram } from './containerd/child-program.ts'
import { e2e } from './containerd/e2e.ts'
import type { E2eNode } from './containerd/e2e-node.ts'
import type { Upstream, UpstreamImage } from './containerd/upstream/upstream.ts'

const MEGABYTE = 1_000_000
const PATIENCE_MS = 60_000
const alone = { nodes: 1, mirror: false } as const

/** What containerd is pulling on `node`, as a mirror beside it would see it. */
function inProgress({ containerd }: E2eNode, stallTimeoutMs = 5000): ContainerdInProgress {
  return new ContainerdInProgress(
    { contentDirectory: containerd.paths.content, namespace: 'k8s.io' },
    { stallTimeoutMs },
  )
}

function patience(): AbortSignal {
  return AbortSignal.timeout(PATIENCE_MS)
}

/** An image of one large layer, which upstream sends in about two seconds. */
async function pushSlowly(upstream: Upstream): Promise<{ readonly image: UpstreamImage; readonly layer: Digest }> {
  const image = await upstream.push({ layers: [8 * MEGABYTE] })
  upstream.throttle(4 * MEGABYTE)
  return { image, layer: image.layers[0] ?? image.digest }
}

/** The download of `layer` once upstream is asked for it; it has to be there by then. */
async function findAsked(source: ContainerdInProgress, upstream: Upstream, layer: Digest): Promise<GrowingBlob> {
  await until(() => upstream.requestsOf(layer).length > 0)
  const found = await source.find(layer, { signal: patience() })
  assert.ok(found !== undefined, 'not found although upstream is being asked for it')
  return found
}

/** Reads to the end as content arrives, as a mirror does that serves it to a peer. */
async function follow(growing: GrowingBlob): Promise<{ readonly hash: string; readonly waits: number }> {
  const hash = createHash('sha256')
  const buffer = Buffer.alloc(MEGABYTE)
  let waits = 0
  for (let position = 0; position < growing.size; ) {
    const bytes = await growing.read(buffer, position)
    position += bytes
    hash.update(buffer.subarray(0, bytes))
    if (bytes > 0) continue
    waits += 1
    const growth = await growing.waitPast(position, { signal: patience() })
    assert.ok(growth === 'grown' || growth === 'committed', growth)
  }
  return { hash: `sha256:${hash.digest('hex')}`, waits }
}

/** Starts a pull with `ctr`, to be interrupted. */
function startCtr({ containerd, host }: E2eNode, namespace: string, image: string): ChildProgram {
  const { socket, registryConfig } = containerd.paths
  const command = [
    'ctr',
    '--address',
    socket,
    '--namespace',
    namespace,
    'images',
    'pull',
    '--hosts-dir',
    registryConfig,
  ]
  return ChildProgram.start('ctr', host.within([...command, image]))
}

e2e(
  'what containerd pulls is found by the time upstream is asked, and followed to its commit',
  alone,
  async cluster => {
    const { upstream, nodes } = cluster
    const { image, layer } = await pushSlowly(upstream)
    const source = inProgress(nodes[0])
    const pull = nodes[0].pull(image.name)
    const readers = [await findAsked(source, upstream, layer), await findAsked(source, upstream, layer)]
    for (const reader of readers) assert.equal(reader.size, image.contents.get(layer))
    const committed = readers.map(reader => reader.waitPast(reader.size, { signal: patience() }))
    for (const { hash, waits } of await Promise.all(readers.map(follow))) {
      assert.equal(hash, layer)
      assert.ok(waits > 1)
    }
    assert.deepEqual(await Promise.all(committed), ['committed', 'committed'])
    await pull
    await nodes[0].assertHolds(image)
    for (const reader of readers) await reader.close()
    assert.equal(await source.find(layer, { signal: patience() }), undefined)
  },
)

e2e('a pull that kubelet cancels ends as aborted', alone, async ({ upstream, nodes: [node] }, t) => {
  const { image, layer } = await pushSlowly(upstream)
  const cancel = new AbortController()
  const cancelled = assert.rejects(node.pull(image.name, { signal: cancel.signal }))
  const growing = await findAsked(inProgress(node), upstream, layer)
  assert.equal(await growing.waitPast(0, { signal: patience() }), 'grown')
  const cancelledAt = performance.now()
  cancel.abort()
  assert.equal(await ended(growing), 'aborted')
  t.diagnostic(`gone ${Math.round(performance.now() - cancelledAt)} ms after it was cancelled`)
  await growing.close()
  await cancelled
  upstream.throttle(undefined)
  await node.pull(image.name)
  await node.assertHolds(image)
})

/** How the download ends, however long that takes. */
async function ended(growing: GrowingBlob): Promise<Growth> {
  for (;;) {
    const growth = await growing.waitPast(growing.size, { signal: patience() })
    if (growth !== 'stalled') return growth
  }
}

e2e(
  'what a killed client leaves is not found until a new pull goes on with it',
  alone,
  async ({ upstream, nodes: [node] }) => {
    const { image, layer } = await pushSlowly(upstream)
    const source = inProgress(node, 500)
    const ctr = startCtr(node, 'k8s.io', image.name)
    const growing = await findAsked(source, upstream, layer)
    assert.equal(await growing.waitPast(0, { signal: patience() }), 'grown')
    // As with Ctrl-C: ctr ends without giving up its lease, so the download stays for a day.
    ctr.signal('SIGKILL')
    assert.equal(await growing.waitPast(growing.size, { signal: patience() }), 'stalled')
    assert.equal(await source.find(layer, { signal: patience() }), undefined)
    const pull = node.pull(image.name)
    await until(async () => {
      const found = await source.find(layer, { signal: patience() })
      await found?.close()
      return found !== undefined
    })
    assert.equal((await follow(growing)).hash, layer)
    await pull
    await growing.close()
  },
)

e2e('a pull into another namespace is not found', alone, async ({ upstream, nodes: [node] }) => {
  const { image, layer } = await pushSlowly(upstream)
  const source = inProgress(node)
  const ctr = startCtr(node, 'default', image.name)
  await until(() => upstream.requestsOf(layer).length > 0)
  assert.equal(await source.find(layer, { signal: patience() }), undefined)
  assert.equal(await ctr.exit(), 0, ctr.output)
})

e2e('a pull of corrupt content is complete and then aborted', alone, async ({ upstream, nodes: [node] }) => {
  const { image, layer } = await pushSlowly(upstream)
  const source = inProgress(node)
  using _fault = upstream.inject({ kind: 'corrupt', atByte: 1000 }, request => request.reference === layer)
  const failed = assert.rejects(node.pull(image.name))
  const growing = await findAsked(source, upstream, layer)
  assert.equal(await ended(growing), 'aborted')
  assert.equal(await growing.read(Buffer.alloc(1), growing.size - 1), 1)
  await growing.close()
  await failed
})
