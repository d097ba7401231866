import assert from 'node:assert/strict'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import http2, { type Http2Server, type ServerHttp2Session } from 'node:http2'
import path from 'node:path'
import { connectNodeAdapter } from '@connectrpc/connect-node'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import { fingerprintMediaType } from '../../src/oci/media-type.ts'
import { formatReference, type TagReference } from '../../src/oci/reference.ts'
import { blobDirectory, blobPath } from '../../src/store/content-directory/content-files.ts'
import { temporaryDirectory } from '../temporary-directory.ts'
import { FakeEvents } from './fake-events.ts'
import { contentRoutes, eventRoutes, type FakeState, imageRoutes, selfRoutes } from './fake-routes.ts'

export interface FakeContainerdOptions {
  /** Of what is put and named; default `k8s.io`. */
  readonly namespace?: string
  /** Default `1.6.20`. */
  readonly version?: string
  /** Whether content that comes is told as an event, as from 2.1 on. Default: false. */
  readonly contentEvents?: boolean
}

/**
 * containerd as far as we speak with it: gRPC on a unix socket over a content directory. `test/e2e` runs the contract
 * suites on a real one too, so that this one stays honest.
 */
export class FakeContainerd implements AsyncDisposable {
  readonly socket: string
  readonly contentDirectory: string
  readonly namespace: string
  /** How often each method was called, by its name such as `Content.Info`. */
  readonly calls: Map<string, number>
  readonly #state: FakeState
  readonly #contentEvents: boolean
  readonly #directory: AsyncDisposable
  readonly #sessions = new Set<ServerHttp2Session>()
  #server: Http2Server | undefined

  private constructor(directory: AsyncDisposable & { readonly path: string }, options: FakeContainerdOptions) {
    this.#directory = directory
    this.namespace = options.namespace ?? 'k8s.io'
    this.#contentEvents = options.contentEvents ?? false
    this.socket = path.join(directory.path, 'run', 'containerd.sock')
    this.contentDirectory = path.join(directory.path, 'content')
    this.#state = {
      version: options.version ?? '1.6.20',
      contentDirectory: this.contentDirectory,
      images: new Map(),
      held: new Map(),
      events: new FakeEvents(),
      calls: new Map(),
    }
    this.calls = this.#state.calls
  }

  /** A containerd that runs. */
  static async start(options: FakeContainerdOptions = {}): Promise<FakeContainerd> {
    const fake = await FakeContainerd.create(options)
    await fake.start()
    return fake
  }

  /** A containerd that has yet to be started: its directory is there, its socket is not. */
  static async create(options: FakeContainerdOptions = {}): Promise<FakeContainerd> {
    const fake = new FakeContainerd(await temporaryDirectory(), options)
    await mkdir(path.dirname(fake.socket))
    for (const directory of [blobDirectory('sha256'), 'ingest']) {
      await mkdir(path.join(fake.contentDirectory, directory), { recursive: true })
    }
    return fake
  }

  async start(): Promise<void> {
    assert.equal(this.#server, undefined, 'it runs already')
    const server = http2.createServer(
      connectNodeAdapter({
        grpcWeb: false,
        connect: false,
        routes: router => {
          for (const routes of [imageRoutes, contentRoutes, eventRoutes, selfRoutes]) routes(router, this.#state)
        },
      }),
    )
    server.on('session', session => {
      this.#sessions.add(session)
      session.once('close', () => this.#sessions.delete(session))
    })
    // A server of Node removes the path that it listened at when it closes, and a crash would not. As containerd does, the
    // socket of an earlier run is replaced.
    const listening = `${this.socket}.new`
    await once(server.listen(listening), 'listening')
    await rename(listening, this.socket)
    this.#server = server
  }

  /** Ends it, and every connection; a crash leaves the socket's file behind. */
  async stop({ crash = false } = {}): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#server = undefined
    if (!crash) await rm(this.socket)
    const closed = once(server, 'close')
    server.close()
    for (const session of this.#sessions) session.destroy()
    await closed
  }

  /** How many event streams are open. */
  get subscribers(): number {
    return this.#state.events.subscribers
  }

  blob(digest: Digest): string {
    return path.join(this.contentDirectory, blobPath(digest))
  }

  /** Commits content in `namespace`, by renaming as containerd does. */
  async put(content: Buffer, namespace = this.namespace): Promise<Digest> {
    const digest = digestOf(content)
    const staged = path.join(this.contentDirectory, 'ingest', digest.slice(-12))
    await writeFile(staged, content)
    await rename(staged, this.blob(digest))
    this.hold(digest, namespace)
    if (this.#contentEvents) this.#state.events.contentCreated(namespace, digest)
    return digest
  }

  /** Makes content that is on disk that of `namespace`, too. */
  hold(digest: Digest, namespace = this.namespace): void {
    const { size } = statSync(this.blob(digest))
    this.#state.held.set(namespace, (this.#state.held.get(namespace) ?? new Map()).set(digest, size))
  }

  /** Takes content out of `namespace`, and leaves the file to others. */
  release(digest: Digest, namespace = this.namespace): void {
    this.#state.held.get(namespace)?.delete(digest)
  }

  /** As garbage collection does: the content goes from the namespace and from disk, and nothing is told. */
  async collect(digest: Digest): Promise<void> {
    this.release(digest)
    await rm(this.blob(digest), { force: true })
  }

  /** `ctr content rm`: as {@link collect}, and told. */
  async remove(digest: Digest): Promise<void> {
    await this.collect(digest)
    this.#state.events.contentDeleted(this.namespace, digest)
  }

  /** Creates or updates the image `name`. */
  setImage(name: string, target: Descriptor, namespace = this.namespace): void {
    const images = this.#state.images.get(namespace) ?? new Map<string, Descriptor>()
    this.#state.images.set(namespace, images)
    const isNew = !images.has(name)
    images.set(name, target)
    if (isNew) this.#state.events.imageCreated(namespace, name)
    else this.#state.events.imageUpdated(namespace, name)
  }

  removeImage(name: string, namespace = this.namespace): void {
    if (this.#state.images.get(namespace)?.delete(name) === true) this.#state.events.imageDeleted(namespace, name)
  }

  /** Names content that is there. */
  async tag(reference: TagReference, digest: Digest): Promise<void> {
    const content = await readFile(this.blob(digest))
    const target = { digest, size: content.length, mediaType: fingerprintMediaType(content) }
    this.setImage(formatReference(reference), target)
  }

  untag(reference: TagReference): void {
    this.removeImage(formatReference(reference))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    await this.#directory[Symbol.asyncDispose]()
  }
}
