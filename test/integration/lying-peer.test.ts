import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { createLog } from '../../src/observability/log.ts'
import { createMetrics } from '../../src/observability/metrics.ts'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import { OCI_MANIFEST } from '../../src/oci/media-type.ts'
import { staticBootstrapper } from '../../src/routing/libp2p/bootstrap-static.ts'
import { createLibp2pRouter, type Libp2pRouter } from '../../src/routing/libp2p/libp2p-router.ts'
import { freePorts } from '../free-ports.ts'
import { head, type Script, ScriptedPeer, serving } from '../mirror/scripted-peer.ts'
import { temporaryDirectory } from '../temporary-directory.ts'
import { RawRequest, type RawResult } from './raw-request.ts'
import { RegistryProcess } from './registry-process.ts'

const NODE_HOST = '127.0.0.1'
const LIAR_HOST = '127.0.0.66'
const TYPE = { 'content-type': OCI_MANIFEST }
const { signal } = new AbortController()

/** A manifest that no other test asks for. */
function manifest(): Buffer {
  const blob = { mediaType: 'application/octet-stream', digest: digestOf(randomBytes(8)), size: 8 }
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, config: blob, layers: [] }))
}

/** Sends the head of a good answer, then one byte a second for as long as the connection lasts. */
function dripping(content: Buffer): Script {
  return (_, socket) => {
    socket.write(head(200, { 'content-length': content.length, 'docker-content-digest': digestOf(content), ...TYPE }))
    let position = 0
    const timer = setInterval(() => socket.write(content.subarray(position, ++position)), 1000)
    socket.on('close', () => clearInterval(timer))
  }
}

/** A real node, and a member of its mesh that claims to hold whatever the node is asked for and answers by script. */
class LyingMesh implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack
  readonly #node: RegistryProcess
  readonly #router: Libp2pRouter
  readonly #liar: ScriptedPeer

  private constructor(parts: {
    readonly stack: AsyncDisposableStack
    readonly node: RegistryProcess
    readonly router: Libp2pRouter
    readonly liar: ScriptedPeer
  }) {
    this.#stack = parts.stack
    this.#node = parts.node
    this.#router = parts.router
    this.#liar = parts.liar
  }

  static async start(): Promise<LyingMesh> {
    await using stack = new AsyncDisposableStack()
    const ports = await freePorts()
    const layout = stack.use(await temporaryDirectory()).path
    const node = stack.use(RegistryProcess.start({ host: NODE_HOST, ports, layout, peers: [LIAR_HOST] }))
    const router = stack.use(
      await createLibp2pRouter(
        { log: createLog('ERROR'), metrics: createMetrics() },
        {
          listen: { host: LIAR_HOST, port: ports.router },
          registryPort: ports.registry,
          bootstrapper: staticBootstrapper([NODE_HOST], ports.router),
          signal,
        },
      ),
    )
    const listen = { host: LIAR_HOST, port: ports.registry }
    const liar = stack.use(await ScriptedPeer.start(() => undefined, router.peerId, listen))
    await node.ready()
    return new LyingMesh({ stack: stack.move(), node, router, liar })
  }

  /** What a client of the node gets for `digest` while the liar claims to hold it. */
  async ask(kind: 'manifests' | 'blobs', digest: Digest, script: Script): Promise<RawResult> {
    this.#liar.script = script
    await this.#router.advertise([digest], { signal })
    const before = this.#liar.requests.length
    for (;;) {
      const result = await RawRequest.get(this.#node.url, `/v2/team/app/${kind}/${digest}?ns=registry.example`).result
      // The record may reach the node a moment after the first request.
      if (this.#liar.requests.length > before) return result
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync()
  }
}

describe('a member of the mesh that lies', () => {
  let mesh: LyingMesh

  before(async () => {
    mesh = await LyingMesh.start()
  })
  after(async () => await mesh[Symbol.asyncDispose]())

  test('cannot pass off another manifest as the one asked for', async () => {
    const digest = digestOf(manifest())
    const result = await mesh.ask(
      'manifests',
      digest,
      serving(manifest(), { 'docker-content-digest': digest, ...TYPE }),
    )
    assert.equal(result.status, 404)
    assert.match(result.body, /"MANIFEST_UNKNOWN"/)
  })

  test('cannot pass off a part of a manifest as the whole', async () => {
    const wanted = manifest()
    const headers = { 'docker-content-digest': digestOf(wanted), ...TYPE }
    const result = await mesh.ask('manifests', digestOf(wanted), serving(wanted.subarray(0, -1), headers))
    assert.equal(result.status, 404)
  })

  test('is believed where it tells the truth', async () => {
    const wanted = manifest()
    const result = await mesh.ask('manifests', digestOf(wanted), serving(wanted, TYPE))
    assert.equal(result.status, 200)
    assert.equal(result.bodyDigest, digestOf(wanted))
  })

  test('is not relayed where its digest header names other content', async () => {
    const blob = randomBytes(1000)
    const header = { 'docker-content-digest': digestOf(randomBytes(8)) }
    const result = await mesh.ask('blobs', digestOf(blob), serving(blob, header))
    assert.equal(result.status, 404)
    assert.match(result.body, /"BLOB_UNKNOWN"/)
  })

  test('is not relayed where it gives no size', async () => {
    const blob = randomBytes(1000)
    const result = await mesh.ask('blobs', digestOf(blob), serving(blob, { 'content-length': undefined }))
    assert.equal(result.status, 404)
  })

  test('costs a bounded wait where it says nothing: the answer is a miss', async () => {
    const result = await mesh.ask('blobs', digestOf(randomBytes(8)), () => undefined)
    assert.equal(result.status, 404)
  })
})

describe('a member of the mesh that sends a byte a second', () => {
  for (const kind of ['blobs', 'manifests'] as const) {
    test(`is given up by the stall rule for ${kind}`, async () => {
      await using mesh = await LyingMesh.start()
      const content = kind === 'manifests' ? manifest() : randomBytes(100_000)
      const result = await mesh.ask(kind, digestOf(content), dripping(content))
      assert.equal(result.ending, 'fin')
      if (kind === 'manifests') assert.equal(result.status, 404)
      else assert.ok(result.status === 200 && result.bodyBytes < content.length, `${result.bodyBytes} bytes`)
    })
  }
})
