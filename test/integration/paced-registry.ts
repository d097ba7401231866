import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Pacer } from '../../src/cli/demo/pacer.ts'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import { systemClock } from '../../src/routing/clock.ts'
import type { SampleImage } from '../contracts/sample-image.ts'
import { RegistryServer } from '../fakes/registry-server.ts'

const CHUNK_BYTES = 64 * 1024

export interface PacedRegistryOptions {
  readonly tag: string
  /** Shared by all connections. */
  readonly bytesPerSecond: number
}

/** The registry that an image comes from, slow enough for others to ask for what is on its way; it counts. */
export class PacedRegistry implements AsyncDisposable {
  readonly #server: RegistryServer
  readonly #pacer: Pacer
  readonly #blobs: ReadonlyMap<string, Buffer>
  #sentBytes = 0

  private constructor(server: RegistryServer, image: SampleImage, { tag, bytesPerSecond }: PacedRegistryOptions) {
    this.#server = server
    this.#pacer = new Pacer(systemClock, { bytesPerSecond })
    for (const { content } of [image.config, image.manifest]) server.put(content)
    server.put(image.index.content, tag)
    this.#blobs = new Map(image.layers.map(({ content }) => [digestOf(content), content]))
    server.intercept = (request, response) => this.#intercept(request, response)
  }

  static async start(image: SampleImage, options: PacedRegistryOptions): Promise<PacedRegistry> {
    return new PacedRegistry(await RegistryServer.start(), image, options)
  }

  get url(): URL {
    return this.#server.url
  }

  /** Bytes of layers sent so far. */
  get sentBytes(): number {
    return this.#sentBytes
  }

  /** How often `digest` was asked for. */
  fetches(digest: Digest): number {
    return this.#server.paths('GET').filter(path => path.endsWith(digest)).length
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]()
  }

  #intercept(request: IncomingMessage, response: ServerResponse): boolean {
    const content = this.#blobs.get(request.url?.split('?')[0]?.split('/').at(-1) ?? '')
    if (content === undefined || request.method !== 'GET') return false
    const start = Number(/^bytes=(?<start>[0-9]+)-$/.exec(request.headers.range ?? '')?.groups?.['start'] ?? 0)
    response.writeHead(start > 0 ? 206 : 200, {
      'content-length': content.length - start,
      ...(start > 0 ? { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` } : {}),
    })
    void this.#send(response, content.subarray(start))
    return true
  }

  async #send(response: ServerResponse, content: Buffer): Promise<void> {
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    for (let position = 0; position < content.length && !gone.signal.aborted; position += CHUNK_BYTES) {
      const chunk = content.subarray(position, position + CHUNK_BYTES)
      await this.#pacer.pass(chunk.length, { signal: gone.signal })
      if (!response.write(chunk)) await once(response, 'drain', { signal: gone.signal }).catch(() => undefined)
      this.#sentBytes += chunk.length
    }
    response.end()
  }
}
