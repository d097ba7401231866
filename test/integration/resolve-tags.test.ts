import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { createLog } from '../../src/observability/log.ts'
import { createMetrics } from '../../src/observability/metrics.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { OCI_MANIFEST } from '../../src/oci/media-type.ts'
import { formatReference, type TagReference } from '../../src/oci/reference.ts'
import { staticBootstrapper } from '../../src/routing/libp2p/bootstrap-static.ts'
import { createLibp2pRouter, type Libp2pRouter } from '../../src/routing/libp2p/libp2p-router.ts'
import { LayoutHand } from '../contracts/layout-hand.ts'
import { sampleImage } from '../contracts/sample-image.ts'
import { RegistryServer } from '../fakes/registry-server.ts'
import { freePorts, type Ports } from '../free-ports.ts'
import { ScriptedPeer, serving } from '../mirror/scripted-peer.ts'
import { temporaryDirectory } from '../temporary-directory.ts'
import { until } from '../until.ts'
import { RegistryProcess } from './registry-process.ts'

const HOLDER = '127.0.0.1'
const ASKER = '127.0.0.2'
const LIAR = '127.0.0.66'
const { signal } = new AbortController()

const known = sampleImage('known').manifest.content
const moved = sampleImage('moved').manifest.content
const lie = sampleImage('lie').manifest.content

interface Answer {
  readonly status: number
  readonly body: Buffer
}

/** Two real nodes with `--resolve-tags auto`, of which one holds an image, and the registry that the image is from. */
class Scene implements AsyncDisposable {
  readonly ports: Ports
  readonly holder: RegistryProcess
  readonly asker: RegistryProcess
  readonly reference: TagReference
  registry: RegistryServer
  readonly #stack: AsyncDisposableStack

  private constructor(
    parts: Pick<Scene, 'ports' | 'holder' | 'asker' | 'reference' | 'registry'>,
    stack: AsyncDisposableStack,
  ) {
    this.ports = parts.ports
    this.holder = parts.holder
    this.asker = parts.asker
    this.reference = parts.reference
    this.registry = parts.registry
    this.#stack = stack
  }

  static async start(): Promise<Scene> {
    await using stack = new AsyncDisposableStack()
    const ports = await freePorts()
    const registry = stack.use(await RegistryServer.start())
    const reference = { kind: 'tag', registry: registry.url.host, repository: 'team/app', tag: '1.0' } as const
    const directories = [
      stack.use(await temporaryDirectory()).path,
      stack.use(await temporaryDirectory()).path,
    ] as const
    const hand = await LayoutHand.open(directories[0])
    const { config, layers, manifest } = sampleImage('known')
    for (const { content } of [config, ...layers, manifest]) await hand.put(content)
    await hand.tag(reference, digestOf(manifest.content))
    const flags = ['--resolve-tags=auto', '--mirrored-registries', registry.url.origin, '*']
    const start = (host: string, layout: string, peer: string): RegistryProcess =>
      stack.use(RegistryProcess.start({ host, ports, layout, peers: [peer], flags }))
    const holder = start(HOLDER, directories[0], ASKER)
    const asker = start(ASKER, directories[1], HOLDER)
    await Promise.all([holder.ready(), asker.ready()])
    return new Scene({ ports, holder, asker, reference, registry }, stack.move())
  }

  /** What a node answers for the tag. */
  async byTag(node: RegistryProcess, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const { registry, repository, tag } = this.reference
    const response = await fetch(`${node.url}/v2/${repository}/manifests/${tag}?ns=${registry}`, { headers })
    return { status: response.status, body: Buffer.from(await response.arrayBuffer()) }
  }

  /** The manifest that a client gets which goes on to the registry after a 404, as a container runtime does. */
  async pulled(): Promise<Buffer> {
    const answer = await this.byTag(this.asker)
    if (answer.status === 200) return answer.body
    assert.equal(answer.status, 404)
    const { repository, tag } = this.reference
    const response = await fetch(`${this.registry.url.origin}/v2/${repository}/manifests/${tag}`)
    return Buffer.from(await response.arrayBuffer())
  }

  async stopRegistry(): Promise<void> {
    await this.registry[Symbol.asyncDispose]()
  }

  /** A member of the mesh that claims to hold the tags and content of `keys`, and gives the lie for all of them. */
  async withLiar(keys: readonly string[], use: (liar: ScriptedPeer) => Promise<void>): Promise<void> {
    await using stack = new AsyncDisposableStack()
    const router: Libp2pRouter = stack.use(
      await createLibp2pRouter(
        { log: createLog('ERROR'), metrics: createMetrics() },
        {
          listen: { host: LIAR, port: this.ports.router },
          registryPort: this.ports.registry,
          bootstrapper: staticBootstrapper([ASKER], this.ports.router),
          signal,
        },
      ),
    )
    const listen = { host: LIAR, port: this.ports.registry }
    const liar = stack.use(
      await ScriptedPeer.start(serving(lie, { 'content-type': OCI_MANIFEST }), router.peerId, listen),
    )
    await until(() => router.ready())
    await router.advertise([...keys, digestOf(lie)], { signal })
    // What is advertised with the tags reaches the node with them.
    const target = `/v2/team/lie/manifests/${digestOf(lie)}?ns=registry.example`
    await until(async () => (await fetch(this.asker.url + target)).status === 200)
    liar.requests.length = 0
    await use(liar)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync()
  }
}

describe('with --resolve-tags auto, while the registry answers,', () => {
  let scene: Scene

  before(async () => {
    scene = await Scene.start()
    scene.registry.put(known, '1.0')
  })
  after(async () => await scene[Symbol.asyncDispose]())

  test('a tag is a miss at the node that holds it as at the one that does not', async () => {
    for (const node of [scene.holder, scene.asker]) {
      const answer = await scene.byTag(node)
      assert.equal(answer.status, 404)
      assert.match(answer.body.toString(), /"reason":"tag_upstream"/)
      const text = await (await fetch(`${node.metricsUrl}/metrics`)).text()
      assert.match(text, /^spegel_mirror_miss_total\{reason="tag_upstream"\} 1$/m)
    }
  })

  test('a client gets what the tag points at now, after it has moved too', async () => {
    assert.ok((await scene.pulled()).equals(known))
    scene.registry.put(moved, '1.0')
    assert.ok((await scene.pulled()).equals(moved))
  })

  test('a peer that asks for the tag gets what the node holds', async () => {
    const answer = await scene.byTag(scene.holder, { 'x-spegel-mirrored': 'true' })
    assert.equal(answer.status, 200)
    assert.ok(answer.body.equals(known))
  })

  test('digests come from peers', async () => {
    const target = `/v2/team/app/manifests/${digestOf(known)}?ns=${scene.reference.registry}`
    const response = await fetch(scene.asker.url + target)
    assert.equal(response.headers.get('x-spegel-source'), `${HOLDER}:${scene.ports.registry}`)
    assert.ok(Buffer.from(await response.arrayBuffer()).equals(known))
  })

  test('the registry is asked for its base path, without credentials, and not for every tag', async () => {
    scene.registry.requests.length = 0
    await Promise.all(
      Array.from({ length: 50 }, () => scene.byTag(scene.asker, { authorization: 'Basic dXNlcjpwYXNzd29yZA==' })),
    )
    const { requests } = scene.registry
    assert.ok(requests.every(({ url, headers }) => url === '/v2/' && headers.authorization === undefined))
    assert.ok(requests.length < 50, `${requests.length} requests`)
  })

  test('a peer that points the tag at another image is not asked', async () => {
    await scene.withLiar([formatReference(scene.reference)], async liar => {
      assert.equal((await scene.byTag(scene.asker)).status, 404)
      assert.deepEqual(liar.requests, [])
    })
  })

  test('nothing on the node itself is probed for a registry that a peer made up', async () => {
    let connections = 0
    await using stack = new AsyncDisposableStack()
    const server = createServer(socket => {
      connections += 1
      socket.destroy()
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    stack.defer(async () => {
      server.close()
      await once(server, 'close')
    })
    const address = server.address()
    const registry = `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
    const madeUp = { ...scene.reference, registry }
    await scene.withLiar([formatReference(madeUp)], async liar => {
      const response = await fetch(`${scene.asker.url}/v2/team/app/manifests/1.0?ns=${registry}`)
      assert.equal(response.status, 404)
      assert.match(await response.text(), /"reason":"tag_upstream"/)
      assert.deepEqual([connections, liar.requests], [0, []])
    })
  })
})

describe('with --resolve-tags auto, when the registry goes down,', () => {
  test('a tag is what a peer last knew, until the registry is back', async () => {
    await using scene = await Scene.start()
    scene.registry.put(moved, '1.0')
    assert.ok((await scene.pulled()).equals(moved))
    const { host, port } = scene.registry.url
    await scene.stopRegistry()
    await until(async () => (await scene.byTag(scene.asker)).status === 200)
    for (const node of [scene.asker, scene.holder]) {
      await until(async () => (await scene.byTag(node)).status === 200)
      assert.ok((await scene.byTag(node)).body.equals(known))
    }
    const told = scene.asker.log.find(line => line['registry'] === host)
    assert.match(String(told?.['msg']), /^registry does not answer: /)

    await using registry = await RegistryServer.start({ host: '127.0.0.1', port: Number(port) })
    registry.put(moved, '1.0')
    await until(async () => (await scene.byTag(scene.asker)).status === 404)
    assert.match((await scene.byTag(scene.asker)).body.toString(), /"reason":"tag_upstream"/)
  })

  test('a node that never saw it answer has the tag from a peer', async () => {
    await using scene = await Scene.start()
    await scene.stopRegistry()
    await until(async () => (await scene.byTag(scene.asker)).status === 200)
    assert.ok((await scene.byTag(scene.asker)).body.equals(known))
  })
})
