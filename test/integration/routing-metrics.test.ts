import assert from 'node:assert/strict'
import path from 'node:path'
import { describe, test } from 'node:test'
import { LayoutHand } from '../contracts/layout-hand.ts'
import { freePorts } from '../free-ports.ts'
import { temporaryDirectory } from '../temporary-directory.ts'
import { until } from '../until.ts'
import { listening, metric, readiness } from './node-state.ts'
import { RegistryProcess } from './registry-process.ts'
import { writeSharedImage } from './shared-image.ts'

const [HOLDER, ASKER, OTHER] = ['127.0.0.1', '127.0.0.2', '127.0.0.3']
const REGISTRY = { registry: 'registry.example' }
/** Of an image with one layer: its tag, its manifest, its config and the layer. */
const KEYS = 4

interface Advertised {
  readonly tags: number
  readonly images: number
  readonly content: number
}

/** Three nodes, which are started as a test says; the holder has an image. */
async function scene() {
  await using stack = new AsyncDisposableStack()
  const directory = stack.use(await temporaryDirectory()).path
  const ports = await freePorts()
  const layout = (host: string) => path.join(directory, host)
  const image = await writeSharedImage([layout(HOLDER)], 1000)
  const { registry, repository } = image.reference
  const owned = stack.move()
  return {
    image,
    hand: await LayoutHand.open(layout(HOLDER)),
    start: (host: string, peers: readonly string[]) =>
      owned.use(RegistryProcess.start({ host, ports, layout: layout(host), peers })),
    /** Asks `node` for a blob of the image. */
    async ask(node: RegistryProcess, digest: string): Promise<number> {
      const target = `/v2/${repository}/blobs/${digest}?ns=${registry}`
      return (await fetch(node.url + target, { method: 'HEAD' })).status
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

async function becomes(node: RegistryProcess, name: string, value: number): Promise<void> {
  await until(async () => (await metric(node, name)) === value)
}

async function advertised(node: RegistryProcess): Promise<Advertised> {
  const [tags = 0, images = 0, content = 0] = await Promise.all(
    ['image_tags', 'image_digests', 'content_digests'].map(what => metric(node, `spegel_advertised_${what}`, REGISTRY)),
  )
  return { tags, images, content }
}

describe('what a node says of its routing is true', () => {
  test('before it joins, as others come, as content comes and goes, and when others leave', async () => {
    await using nodes = await scene()
    const asker = nodes.start(ASKER, [HOLDER, OTHER])
    await listening(asker)
    assert.equal(await readiness(asker), 503)
    for (const name of ['spegel_peers', 'spegel_provider_records', 'spegel_resolve_duration_seconds_count']) {
      assert.equal(await metric(asker, name), 0, name)
    }

    const holder = nodes.start(HOLDER, [])
    await Promise.all([asker.ready(), holder.ready()])
    await becomes(asker, 'spegel_peers', 1)
    await becomes(holder, 'spegel_peers', 1)
    await becomes(asker, 'spegel_provider_records', KEYS)
    // What it holds itself is no record.
    assert.equal(await metric(holder, 'spegel_provider_records'), 0)
    assert.deepEqual(await advertised(holder), { tags: 1, images: 1, content: 2 })
    assert.deepEqual(await advertised(asker), { tags: 0, images: 0, content: 0 })

    const other = nodes.start(OTHER, [HOLDER])
    await other.ready()
    for (const node of [asker, holder, other]) await becomes(node, 'spegel_peers', 2)
    await becomes(other, 'spegel_provider_records', KEYS)

    const { reference, layer, manifest } = nodes.image
    assert.equal(await nodes.ask(asker, layer.digest), 200)
    assert.equal(await nodes.ask(asker, `sha256:${'0'.repeat(64)}`), 404)
    // Content of its own takes no lookup.
    assert.equal(await nodes.ask(holder, layer.digest), 200)
    const resolved = { router: 'libp2p' }
    assert.equal(await metric(asker, 'spegel_resolve_duration_seconds_count', resolved), 2)
    assert.equal(await metric(holder, 'spegel_resolve_duration_seconds_count', resolved), 0)

    await nodes.hand.untag(reference)
    await nodes.hand.remove(layer.digest)
    await until(async () => (await advertised(holder)).tags === 0)
    for (const node of [asker, other]) await becomes(node, 'spegel_provider_records', KEYS - 2)
    assert.equal(await nodes.ask(asker, layer.digest), 404)
    assert.equal(await readiness(asker), 200)

    await nodes.hand.tag(reference, manifest.digest)
    for (const node of [asker, other]) await becomes(node, 'spegel_provider_records', KEYS - 1)
    assert.deepEqual(await advertised(holder), { tags: 1, images: 1, content: 1 })

    holder.kill('SIGTERM')
    assert.equal(await holder.exit(), 0)
    for (const node of [asker, other]) {
      await becomes(node, 'spegel_peers', 1)
      assert.equal(await metric(node, 'spegel_provider_records'), 0)
    }
    other.kill('SIGKILL')
    await becomes(asker, 'spegel_peers', 0)
    assert.equal(await readiness(asker), 503)
  })

  test('records of a node that was killed are kept, for it may be back, and lead nobody to it', async () => {
    await using nodes = await scene()
    const holder = nodes.start(HOLDER, [])
    const asker = nodes.start(ASKER, [HOLDER, OTHER])
    const other = nodes.start(OTHER, [HOLDER])
    await Promise.all([asker.ready(), other.ready()])
    for (const node of [asker, other]) {
      await becomes(node, 'spegel_peers', 2)
      await becomes(node, 'spegel_provider_records', KEYS)
    }
    holder.kill('SIGKILL')
    await becomes(asker, 'spegel_peers', 1)
    assert.equal(await metric(asker, 'spegel_provider_records'), KEYS)
    assert.equal(await nodes.ask(asker, nodes.image.layer.digest), 404)
    assert.equal(await metric(asker, 'spegel_peer_failures_total'), 0)
    assert.equal(await metric(asker, 'spegel_mirror_miss_total', { reason: 'not_found' }), 1)
  })
})
