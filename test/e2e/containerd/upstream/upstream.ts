import path from 'node:path'
import type { Digest } from '../../../../src/oci/digest.ts'
import { isManifestMediaType, OCI_LAYER_GZIP } from '../../../../src/oci/media-type.ts'
import { startDockerRegistry } from './docker-registry.ts'
import type { Fault, UpstreamRequest } from './fault.ts'
import { generateImage, type ImageShape, type Part } from './generated-image.ts'
import { pushBlob, pushManifest } from './push.ts'
import { UpstreamProxy } from './upstream-proxy.ts'

const PORT = 80
const REGISTRY = { host: '127.0.0.1', port: 5000 }
const DEFAULT_LAYER_BYTES = [300_000, 200_000, 1000]

export interface PushOptions extends Partial<ImageShape> {
  readonly repository?: string
  readonly tag?: string
}

/** An image that the upstream registry has. */
export interface UpstreamImage {
  readonly repository: string
  readonly tag: string
  /** `registry/repository:tag` */
  readonly name: string
  /** `registry/repository@digest` */
  readonly pinned: string
  /** `registry/repository:tag@digest` */
  readonly named: string
  /** What the tag points at: an index, or a manifest. */
  readonly digest: Digest
  /** Manifests first, then the config and the layers: all that a node gets, with their sizes. */
  readonly contents: ReadonlyMap<Digest, number>
  /** Config and layers. */
  readonly blobs: readonly Digest[]
  readonly layers: readonly Digest[]
  /** Sum of {@link contents}. */
  readonly bytes: number
}

/** A real registry, and before it what counts, slows and breaks. */
export class Upstream implements AsyncDisposable {
  /** Its name, which the nodes know. */
  readonly registry: string
  readonly #proxy: UpstreamProxy
  readonly #stack = new AsyncDisposableStack()

  private constructor(registry: string, proxy: UpstreamProxy) {
    this.registry = registry
    this.#proxy = proxy
  }

  /** Starts it on `address` with its files in `directory`. */
  static async create(registry: string, address: string, directory: string): Promise<Upstream> {
    const upstream = new Upstream(registry, new UpstreamProxy({ host: address, port: PORT }, REGISTRY))
    try {
      const files = path.join(directory, 'registry')
      upstream.#stack.use(await startDockerRegistry(files, `${REGISTRY.host}:${REGISTRY.port}`))
      upstream.#stack.use(upstream.#proxy)
      await upstream.#proxy.start()
      return upstream
    } catch (error) {
      await upstream.#stack.disposeAsync()
      throw error
    }
  }

  /** Where it listens. */
  get address(): string {
    return this.#proxy.address
  }

  /** Base URL. */
  get url(): string {
    return `http://${this.registry}`
  }

  /** Generates an image and pushes it, past what counts. A tag that exists moves to it. */
  async push(options: PushOptions = {}): Promise<UpstreamImage> {
    const { repository = 'team/app', tag = 'v1', layers = DEFAULT_LAYER_BYTES, index = false } = options
    const { top, parts, otherParts } = generateImage({ layers, index })
    const target = { url: `http://${REGISTRY.host}:${REGISTRY.port}`, repository }
    const all = [...parts, ...otherParts]
    for (const blob of all.filter(part => !isManifest(part))) await pushBlob(target, blob)
    // Innermost first: a registry refuses what refers to something that it lacks.
    for (const manifest of all.filter(isManifest).filter(part => part !== top)) {
      await pushManifest(target, manifest, manifest.digest)
    }
    await pushManifest(target, top, tag)
    const name = `${this.registry}/${repository}`
    return {
      repository,
      tag,
      name: `${name}:${tag}`,
      pinned: `${name}@${top.digest}`,
      named: `${name}:${tag}@${top.digest}`,
      digest: top.digest,
      contents: new Map(parts.map(({ digest, content }) => [digest, content.length])),
      blobs: parts.filter(part => !isManifest(part)).map(({ digest }) => digest),
      layers: parts.filter(({ mediaType }) => mediaType === OCI_LAYER_GZIP).map(({ digest }) => digest),
      bytes: parts.reduce((sum, { content }) => sum + content.length, 0),
    }
  }

  /** What it was asked for, in order, since it was started or told to {@link forget}. */
  get requests(): readonly UpstreamRequest[] {
    return this.#proxy.requests
  }

  /** Those of {@link requests} for a tag or digest. */
  requestsOf(reference: string, method = 'GET'): readonly UpstreamRequest[] {
    return this.requests.filter(request => request.reference === reference && request.method === method)
  }

  /** Bytes of bodies sent. */
  get bytes(): number {
    return this.requests.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  forget(): void {
    this.#proxy.forget()
  }

  /** Shares `bytesPerSecond` among all transfers; undefined: as fast as it can. */
  throttle(bytesPerSecond: number | undefined): void {
    this.#proxy.limit.bytesPerSecond = bytesPerSecond
  }

  /** From now on only who knows these may pull. */
  requireCredentials({ username, password }: { readonly username: string; readonly password: string }): void {
    this.#proxy.authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
  }

  /** Does `fault` to requests that match (all, unless told), until the result is disposed of. */
  inject(fault: Fault, matches: (request: UpstreamRequest) => boolean = () => true): Disposable {
    return this.#proxy.inject(fault, matches)
  }

  /** Goes down: connections end, new ones are refused. What it has stays. */
  async stop(): Promise<void> {
    await this.#proxy.stop()
  }

  async start(): Promise<void> {
    await this.#proxy.start()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync()
  }
}

function isManifest({ mediaType }: Part): boolean {
  return isManifestMediaType(mediaType)
}
