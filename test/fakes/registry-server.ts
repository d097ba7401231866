import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { digestOf } from '../../src/oci/digest.ts'
import { fingerprintMediaType } from '../../src/oci/media-type.ts'

const ANYWHERE = { host: '127.0.0.1', port: 0 }

/** A request as the registry got it. */
export interface SeenRequest {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
}

/** Answers a request itself and returns true, or leaves it to the registry. */
export type Intercept = (request: IncomingMessage, response: ServerResponse) => boolean

/** A registry on loopback that serves what it is given under any repository, and can be told to misbehave. */
export class RegistryServer implements AsyncDisposable {
  readonly url: URL
  /** All requests so far, in order. */
  readonly requests: SeenRequest[] = []
  intercept: Intercept = () => false
  readonly #server = createServer((request, response) => this.#answer(request, response))
  readonly #content = new Map<string, Buffer>()

  private constructor(host: string) {
    this.url = new URL(`http://${host}`)
  }

  /** @param listen default: 127.0.0.1, a port of the system's choice */
  static async start(listen: { readonly host: string; readonly port: number } = ANYWHERE): Promise<RegistryServer> {
    const registry = new RegistryServer(listen.host)
    registry.#server.listen(listen)
    await once(registry.#server, 'listening')
    const address = registry.#server.address()
    if (address === null || typeof address === 'string') throw new TypeError('no port')
    registry.url.port = String(address.port)
    return registry
  }

  /** Serves `content` by its digest and, for a manifest, by `tag`. */
  put(content: Buffer, tag?: string): void {
    this.#content.set(digestOf(content), content)
    if (tag !== undefined) this.#content.set(tag, content)
  }

  /** The targets of all requests with `method`, without their query. */
  paths(method = 'GET'): readonly string[] {
    const requests = this.requests.filter(request => request.method === method)
    return requests.map(request => new URL(request.url, this.url).pathname)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { method = '', url = '', headers } = request
    this.requests.push({ method, url, headers })
    if (this.intercept(request, response)) return
    const name = new URL(url, this.url).pathname.split('/').at(-1) ?? ''
    const content = this.#content.get(name)
    if (content === undefined) {
      response.writeHead(404).end()
      return
    }
    const start = Number(/^bytes=([0-9]+)-$/.exec(headers.range ?? '')?.[1] ?? 0)
    const body = content.subarray(start)
    response.writeHead(start > 0 ? 206 : 200, {
      'docker-content-digest': digestOf(content),
      'content-type': fingerprintMediaType(content),
      'content-length': body.length,
      ...(start > 0 ? { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` } : {}),
    })
    response.end(method === 'HEAD' ? undefined : body)
  }
}
