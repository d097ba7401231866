import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { digestOf } from '../../src/oci/digest.ts'
import type { TagReference } from '../../src/oci/reference.ts'
import { unlessHelm } from '../chart/helm.ts'
import { RELEASE, render } from '../chart/render.ts'
import { imageOf, type SampleImage } from '../contracts/sample-image.ts'
import { TestNetwork, unlessNamespaces } from '../interop/network.ts'
import { type Probe, probe } from '../interop/probe.ts'
import { until } from '../until.ts'
import { ChartNode, unlessOverlays } from './chart-node.ts'

const REFERENCE: TagReference = { kind: 'tag', registry: 'registry.example', repository: 'team/secret', tag: '1.0' }
const PORTS = { registry: 5000, router: 5001, metrics: 9090 }
const LAYER_BYTES = 1_000_000
/** What the metrics listener keeps for those who could pull as well. */
const CLOSED = [
  '/debug/web/',
  '/debug/web/api/v1/images',
  '/debug/web/api/v1/measure?image=registry.example/team/secret:1.0',
  '/debug/web/measure?image=registry.example/team/secret:1.0',
  '/debug/pprof/heap?seconds=1',
]
/** Of a registry password that a client may send to the wrong place, too. */
const STRANGERS: readonly Readonly<Record<string, string>>[] = [
  {},
  { authorization: `Basic ${Buffer.from('spegel:guess').toString('base64')}` },
  { authorization: 'Bearer token' },
  { 'x-spegel-mirrored': 'true' },
  { 'x-spegel-mirrored': 'true', 'x-spegel-in-progress': 'true' },
]

/** What the headless service's name leads to: the two nodes. */
function hostsFile({ hosts }: TestNetwork): string {
  const domain = `spegel-bootstrap.${RELEASE.namespace}.svc.cluster.local`
  return hosts
    .slice(0, 2)
    .map(({ address }) => `${address} ${domain}\n`)
    .join('')
}

async function hold({ containerd }: ChartNode, { layers, config, manifest }: SampleImage): Promise<void> {
  for (const { content } of [...layers, config, manifest]) await containerd.put(content)
  await containerd.tag(REFERENCE, digestOf(manifest.content))
}

describe('a mesh with the default values of the chart', {
  skip: unlessNamespaces() || unlessOverlays() || unlessHelm,
}, () => {
  const stack = new AsyncDisposableStack()
  let network: TestNetwork
  let holder: ChartNode
  let other: ChartNode
  let image: SampleImage
  let layer: Buffer

  before(async () => {
    network = stack.use(await TestNetwork.create(3))
    const objects = await render('default')
    const hosts = hostsFile(network)
    const [first, second] = await Promise.all(
      network.hosts.slice(0, 2).map(host => ChartNode.create({ host, objects, hosts })),
    )
    assert.ok(first !== undefined && second !== undefined)
    holder = stack.use(first)
    other = stack.use(second)
    layer = randomBytes(LAYER_BYTES)
    image = imageOf([layer])
    await hold(holder, image)
    for (const node of [holder, other]) await node.start()
    for (const node of [holder, other]) await node.logged('member joined')
  })
  after(() => stack.disposeAsync())

  const targets = () => [
    `/v2/team/secret/manifests/1.0?ns=registry.example`,
    `/v2/team/secret/manifests/${digestOf(image.manifest.content)}?ns=registry.example`,
    `/v2/team/secret/blobs/${digestOf(layer)}?ns=registry.example`,
  ]
  const outsider = () => {
    const host = network.hosts[2]
    assert.ok(host !== undefined)
    return host
  }

  test('a node gives its own containerd, as it is configured, what another node holds', async () => {
    const toml = await other.hostsToml()
    const [, authorization = ''] = /^Authorization = "(.+)"$/m.exec(toml) ?? []
    assert.match(authorization, /^Basic /)
    assert.ok(toml.includes(`[host."http://${other.address}:30020"]`), toml)
    const client = network.hosts[1]
    assert.ok(client !== undefined)
    // The kubelet leads that port of the node to this one of its pod.
    const url = `http://${other.address}:${PORTS.registry}`
    const requests = targets()
      .slice(1)
      .map((target): Probe => ({ url: url + target, headers: { authorization } }))
    let hashes: readonly string[] = []
    await until(async () => {
      for (const node of [holder, other]) node.registry.assertRunning()
      const { answers } = await probe(client, { requests })
      hashes = answers.map(({ sha256 }) => `sha256:${sha256}`)
      return answers.every(({ status }) => status === 200)
    })
    assert.deepEqual(hashes, [digestOf(image.manifest.content), digestOf(layer)])
  })

  test('whoever has no credentials gets none of it from either, whatever is asked and how', async () => {
    const requests = [holder, other].flatMap(({ address }) => {
      const url = `http://${address}:${PORTS.registry}`
      const asked = STRANGERS.flatMap(headers =>
        ['GET', 'HEAD'].flatMap(method => targets().map((target): Probe => ({ url: url + target, method, headers }))),
      )
      const claim: Probe = {
        url: `${url}/spegel/v1/claims`,
        method: 'POST',
        body: JSON.stringify({ digest: digestOf(layer) }),
      }
      return asked.concat(claim, { url: `${url}/v2/` })
    })
    const { answers } = await probe(outsider(), { requests })
    assert.equal(answers.length, requests.length)
    for (const { url, method, status, text } of answers) {
      const isBase = url.endsWith('/v2/')
      assert.equal(status, isBase ? 401 : 403, `${method} ${url}`)
      for (const told of [digestOf(layer), digestOf(image.config.content)]) assert.ok(!text.includes(told), url)
    }
  })

  test('the port of metrics tells counts, and neither images nor their content', async () => {
    const url = `http://${holder.address}:${PORTS.metrics}`
    const requests = ['/metrics', ...targets(), ...CLOSED].map((target): Probe => ({ url: url + target }))
    const { answers } = await probe(outsider(), { requests })
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 404, 404, 404, ...CLOSED.map(() => 401)],
    )
    assert.ok(!/team\/secret|sha256:/.test(answers[0]?.text ?? ''))
  })

  test('a libp2p node without the key, or with another, can connect to neither', async () => {
    for (const { address, registry } of [holder, other]) {
      const { dials } = await probe(outsider(), { requests: [], dial: `${address}:${PORTS.router}` })
      assert.equal(dials.length, 2)
      for (const dial of dials) assert.match(dial, /^refused: /)
      registry.assertRunning()
    }
    const { answers } = await probe(outsider(), {
      requests: [{ url: `http://${other.address}:${PORTS.metrics}/metrics` }],
    })
    assert.match(answers[0]?.text ?? '', /^spegel_peers 1$/m)
  })

  test('all of that can be had of a node whose mesh was opened by the one value', async () => {
    const host = network.hosts[0]
    assert.ok(host !== undefined)
    await holder[Symbol.asyncDispose]()
    await using open = await ChartNode.create({ host, objects: await render('open'), hosts: hostsFile(network) })
    await hold(open, image)
    await open.start()
    await open.logged('running Spegel')
    const requests = targets()
      .slice(1)
      .map((target): Probe => ({ url: `http://${open.address}:${PORTS.registry}${target}` }))
    await until(async () => {
      const { answers } = await probe(outsider(), { requests })
      return answers.every(({ status }) => status === 200)
    })
    const { dials } = await probe(outsider(), { requests: [], dial: `${open.address}:${PORTS.router}` })
    assert.equal(dials[0], 'connected')
    assert.match(dials[1] ?? '', /^refused: /)
  })
})
