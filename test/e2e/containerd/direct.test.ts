import assert from 'node:assert/strict'
import { until } from '../../until.ts'
import { e2e } from './e2e.ts'

const MEGABYTE = 1_000_000
const alone = { nodes: 1, mirror: false } as const

e2e('without a mirror a pull asks upstream once for each piece', alone, async ({ upstream, nodes: [node] }) => {
  const image = await upstream.push({ index: true })
  await node.pull(image.name)
  await node.assertHolds(image)
  for (const digest of image.contents.keys()) assert.equal(upstream.requestsOf(digest).length, 1)
  assert.equal(upstream.bytes, image.bytes)
})

e2e('a pull with ctr leaves what a pull with CRI leaves', alone, async ({ upstream, nodes: [node] }) => {
  const image = await upstream.push()
  await node.containerd.ctrPull(image.name)
  await node.assertHolds(image)
  assert.ok((await node.containerd.images()).includes(image.name))
})

e2e('a pull resumes where upstream ended the connection', alone, async ({ upstream, nodes: [node] }) => {
  const image = await upstream.push({ layers: [3 * MEGABYTE] })
  const [layer = image.digest] = image.layers
  using _fault = upstream.inject({ kind: 'cut', afterBytes: MEGABYTE, how: 'fin' })
  await node.pull(image.name)
  await node.assertHolds(image)
  assert.deepEqual(
    upstream.requestsOf(layer).map(({ range }) => range),
    [undefined, 'bytes=1000000-', 'bytes=2000000-', 'bytes=3000000-'],
  )
})

e2e('a pull fails where upstream sends a wrong byte, and the next one is clean', alone, async cluster => {
  const { upstream, nodes } = cluster
  const image = await upstream.push()
  const [layer = image.digest] = image.layers
  {
    using _fault = upstream.inject({ kind: 'corrupt', atByte: 1000 }, request => request.reference === layer)
    await assert.rejects(nodes[0].pull(image.name))
  }
  // A moment after the failure containerd drops what it got.
  await until(async () => (await nodes[0].containerd.downloads()).size === 0)
  await nodes[0].pull(image.name)
  await nodes[0].assertHolds(image)
})

e2e('upstream that is throttled, down or refusing is seen as such', alone, async ({ upstream, nodes: [node] }) => {
  const image = await upstream.push({ layers: [MEGABYTE, MEGABYTE] })
  await upstream.stop()
  await assert.rejects(node.pull(image.name), /connection refused/)
  await upstream.start()
  {
    using _fault = upstream.inject({ kind: 'status', status: 503 })
    await assert.rejects(node.pull(image.name), /503/)
  }
  upstream.throttle(2 * MEGABYTE)
  const started = performance.now()
  await node.pull(image.name)
  // A rate is a promise about time, if only in one direction.
  assert.ok(performance.now() - started > 900)
})

e2e('only who knows the password pulls', alone, async ({ upstream, nodes: [node] }) => {
  const image = await upstream.push()
  const auth = { username: 'somebody', password: 'swordfish' }
  upstream.requireCredentials(auth)
  await assert.rejects(node.pull(image.name), /401|authorization failed/)
  await node.pull(image.name, { auth })
  await node.assertHolds(image)
})

const SMALL_DISK = { ...alone, diskBytes: 4 * MEGABYTE }
e2e('a pull fails on a full disk', SMALL_DISK, async ({ upstream, nodes: [node] }) => {
  const image = await upstream.push({ layers: [8 * MEGABYTE] })
  await assert.rejects(node.pull(image.name), /no space left/)
})
