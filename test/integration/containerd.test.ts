import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import { test } from 'node:test'
import { digestOf } from '../../src/oci/digest.ts'
import { FakeContainerd } from '../containerd/fake-containerd.ts'
import { sampleImage, sampleTag } from '../contracts/sample-image.ts'
import { freePorts } from '../free-ports.ts'
import { until } from '../until.ts'
import { RegistryProcess } from './registry-process.ts'

const HOST = '127.0.0.1'
const image = sampleImage('of containerd', [300_000])
const [layer = image.config] = image.layers
const manifestPath = `/v2/${sampleTag.repository}/manifests/${sampleTag.tag}?ns=${sampleTag.registry}`
const layerPath = `/v2/${sampleTag.repository}/blobs/${digestOf(layer.content)}?ns=${sampleTag.registry}`

/** A node beside a containerd that has yet to be started. */
async function setup() {
  const containerd = await FakeContainerd.create()
  const node = RegistryProcess.start({
    host: HOST,
    ports: await freePorts(),
    layout: '/nonexistent',
    peers: [],
    flags: ['--store=containerd', `--containerd-sock=unix://${containerd.socket}`, '--containerd-content-path='],
  })
  const get = async (path: string): Promise<{ readonly status: number; readonly body: Buffer }> => {
    const response = await fetch(`${node.url}${path}`)
    return { status: response.status, body: Buffer.from(await response.arrayBuffer()) }
  }
  return {
    containerd,
    node,
    get,
    metrics: async (): Promise<string> => await (await fetch(`${node.metricsUrl}/metrics`)).text(),
    listening: () => until(async () => (await get('/livez').catch(() => undefined))?.status === 200),
    logged: (message: string) => until(() => node.log.some(({ msg }) => msg === message)),
    putImage: async (): Promise<void> => {
      for (const { content } of [image.config, ...image.layers, image.manifest]) await containerd.put(content)
      await containerd.tag(sampleTag, digestOf(image.manifest.content))
    },
    async [Symbol.asyncDispose]() {
      await node[Symbol.asyncDispose]()
      await containerd[Symbol.asyncDispose]()
    },
  }
}

const TAGS = `spegel_advertised_image_tags{registry="${sampleTag.registry}"}`

test('a node waits for a containerd that is not there yet, with misses and not ready, and then serves its images', async () => {
  await using rig = await setup()
  await rig.listening()
  await rig.logged('the socket of containerd does not exist: waiting for it')
  assert.equal((await rig.get('/readyz')).status, 503)
  assert.equal((await rig.get(manifestPath)).status, 404)
  assert.equal((await rig.get(layerPath)).status, 404)
  await rig.putImage()
  await rig.containerd.start()
  await rig.node.ready()
  assert.ok((await rig.get(manifestPath)).body.equals(image.manifest.content))
  assert.ok((await rig.get(layerPath)).body.equals(layer.content))
  await until(async () => (await rig.metrics()).includes(`${TAGS} 1`))
})

for (const crash of [false, true]) {
  test(`a node stays what it is when containerd ${crash ? 'crashes' : 'stops'}, and follows the next one`, async () => {
    await using rig = await setup()
    await rig.putImage()
    await rig.containerd.start()
    await rig.node.ready()
    assert.equal((await rig.get(layerPath)).status, 200)
    await rig.containerd.stop({ crash })
    const lost = crash ? 'containerd refuses connections' : 'the socket of containerd does not exist'
    await rig.logged(`${lost}: waiting for it`)
    assert.ok((await rig.get(layerPath)).body.equals(layer.content))
    assert.equal((await rig.get(manifestPath)).status, 404)
    assert.equal((await rig.get('/readyz')).status, 200)
    rig.containerd.untag(sampleTag)
    await rig.containerd.start()
    await until(async () => (await rig.metrics()).includes(`${TAGS} 0`))
    await rig.putImage()
    await until(async () => (await rig.metrics()).includes(`${TAGS} 1`))
    assert.ok((await rig.get(manifestPath)).body.equals(image.manifest.content))
    rig.node.kill('SIGTERM')
    assert.equal(await rig.node.exit(), 0)
  })
}

test('a node at another program’s socket says so, is not ready and ends when told to', async () => {
  await using rig = await setup()
  await using server = http.createServer()
  await once(server.listen(rig.containerd.socket), 'listening')
  await rig.logged('what is at the socket is no containerd: --containerd-sock needs another path')
  await rig.listening()
  assert.equal((await rig.get('/readyz')).status, 503)
  assert.equal((await rig.get(manifestPath)).status, 404)
  rig.node.kill('SIGTERM')
  assert.equal(await rig.node.exit(), 0)
})
