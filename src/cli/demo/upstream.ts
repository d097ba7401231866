import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { parseRange } from '../../http/range.ts'
import { isDigest } from '../../oci/digest.ts'
import { fingerprintMediaType, MAX_MANIFEST_BYTES, OCTET_STREAM } from '../../oci/media-type.ts'
import { systemClock } from '../../routing/clock.ts'
import { type OpenedFile, openBlob, readOpened } from '../../store/content-directory/content-files.ts'
import { Pacer } from './pacer.ts'
import type { SourceImage } from './source-image.ts'

/** What the upstream registry was asked for, and sent. */
export interface UpstreamCounts {
  readonly manifestRequests: number
  readonly blobRequests: number
  readonly blobBytes: number
}

/** A registry on loopback that holds one image: the stand-in for Docker Hub and its like. */
export interface Upstream extends AsyncDisposable {
  readonly url: URL
  counts(): UpstreamCounts
  /** Ends all connections; from then on nobody answers. */
  stop(): Promise<void>
}

export interface UpstreamOptions {
  /** Shared by all connections; undefined: as fast as it goes. */
  readonly bytesPerSecond: number | undefined
}

const TARGET = /^\/v2\/.+\/(?<endpoint>manifests|blobs)\/(?<name>[^/?]+)(?:\?.*)?$/

/** Starts the registry on a free port of 127.0.0.1. */
export async function startUpstream(image: SourceImage, options: UpstreamOptions): Promise<Upstream> {
  const registry = new ImageRegistry(image, options)
  const server = createServer((request, response) => void registry.answer(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new TypeError('the upstream registry has no port')
  const stop = async (): Promise<void> => {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }
  return {
    url: new URL(`http://127.0.0.1:${address.port}`),
    counts: () => registry.counts(),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

class ImageRegistry {
  readonly #image: SourceImage
  readonly #pacer: Pacer | undefined
  #manifestRequests = 0
  #blobRequests = 0
  #blobBytes = 0

  constructor(image: SourceImage, { bytesPerSecond }: UpstreamOptions) {
    this.#image = image
    this.#pacer = bytesPerSecond === undefined ? undefined : new Pacer(systemClock, { bytesPerSecond })
  }

  counts(): UpstreamCounts {
    return {
      manifestRequests: this.#manifestRequests,
      blobRequests: this.#blobRequests,
      blobBytes: this.#blobBytes,
    }
  }

  /** Never rejects: a client that breaks off is no failure here, and anything else ends the connection. */
  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#route(request, response)
    } catch {
      response.destroy()
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url === '/v2/') {
      response.end()
      return
    }
    const { endpoint, name = '' } = TARGET.exec(request.url ?? '')?.groups ?? {}
    if (endpoint === 'manifests') this.#manifestRequests++
    if (endpoint === 'blobs') this.#blobRequests++
    const digest = endpoint === 'manifests' && name === this.#tag ? this.#image.root.digest : name
    const opened = isDigest(digest) ? await openBlob(this.#image.directory, digest) : undefined
    if (endpoint === undefined || opened === undefined) {
      response.writeHead(404).end()
      return
    }
    response.setHeader('Docker-Content-Digest', digest)
    if (endpoint === 'manifests') await sendManifest(request, response, opened)
    else await this.#sendBlob(request, response, opened)
  }

  get #tag(): string | undefined {
    const { reference } = this.#image
    return reference.kind === 'tag' ? reference.tag : undefined
  }

  async #sendBlob(request: IncomingMessage, response: ServerResponse, { handle, stat }: OpenedFile): Promise<void> {
    await using _ = handle
    const range = parseRange(request.headers.range, stat.size)
    response.setHeader('Content-Type', OCTET_STREAM)
    response.setHeader('Accept-Ranges', 'bytes')
    if (range.kind === 'unsatisfiable') {
      response.writeHead(416, { 'Content-Range': `bytes */${stat.size}` }).end()
      return
    }
    const { start, end } = range.kind === 'range' ? range : { start: 0, end: stat.size - 1 }
    response.setHeader('Content-Length', end - start + 1)
    if (range.kind === 'range') {
      response.writeHead(206, { 'Content-Range': `bytes ${start}-${end}/${stat.size}` })
    }
    if (request.method === 'HEAD' || stat.size === 0) {
      response.end()
      return
    }
    response.flushHeaders()
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    await pipeline(this.#paced(handle.createReadStream({ start, end, autoClose: false }), gone.signal), response)
  }

  async *#paced(chunks: AsyncIterable<Buffer>, signal: AbortSignal): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      await this.#pacer?.pass(chunk.length, { signal })
      signal.throwIfAborted()
      this.#blobBytes += chunk.length
      yield chunk
    }
  }
}

async function sendManifest(request: IncomingMessage, response: ServerResponse, opened: OpenedFile): Promise<void> {
  const content = await readOpened(opened, MAX_MANIFEST_BYTES)
  response.setHeader('Content-Type', fingerprintMediaType(content))
  response.setHeader('Content-Length', content.length)
  response.end(request.method === 'HEAD' ? undefined : content)
}
