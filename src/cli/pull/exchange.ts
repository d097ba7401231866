import http, { type IncomingMessage } from 'node:http'
import https from 'node:https'
import { addAbortSignal } from 'node:stream'
import { HostError } from './errors.ts'

/** Longest wait for a connection: a host whose address leads nowhere must not hold up a pull for long. */
const CONNECT_TIMEOUT_MS = 5_000
/** Longest time in which nothing arrives, the response head included. A mirror may hold it back during a cold burst. */
const SILENCE_TIMEOUT_MS = 60_000
/** Most redirects that one request follows. */
const MAX_REDIRECTS = 10

const REDIRECTS = new Set([301, 302, 303, 307, 308])

export interface ExchangeRequest {
  readonly method: 'GET' | 'HEAD'
  readonly headers: Readonly<Record<string, string>>
  readonly signal: AbortSignal
}

/** An HTTP response whose body, if wanted, is read as it comes. Disposing of it gives up what is not read. */
export class Exchange implements AsyncDisposable {
  /** Host and port that were asked; a redirect may have led elsewhere. */
  readonly host: string
  readonly status: number
  readonly #response: IncomingMessage
  readonly #silence: Silence

  private constructor(host: string, response: IncomingMessage, silence: Silence) {
    this.host = host
    this.status = response.statusCode ?? 0
    this.#response = response
    this.#silence = silence
  }

  /**
   * Sends a request and waits for the response head, whatever its status. Redirects are followed; credentials are not
   * sent along to another host.
   * @throws {HostError} where none comes
   */
  static async open(url: URL, request: ExchangeRequest): Promise<Exchange> {
    const silence = new Silence()
    try {
      const signal = AbortSignal.any([request.signal, silence.signal])
      return new Exchange(url.host, await follow(url, { ...request, signal }), silence)
    } catch (error) {
      silence.end()
      request.signal.throwIfAborted()
      throw new HostError(url.host, silence.reasonFor(error), { cause: error })
    }
  }

  /** A field of the response head. */
  header(name: string): string | undefined {
    const value = this.#response.headers[name]
    return typeof value === 'string' ? value : value?.join(', ')
  }

  /**
   * The body, piece by piece.
   * @throws {HostError} where it breaks off or nothing comes for too long
   */
  async *chunks(): AsyncGenerator<Buffer> {
    const body: AsyncIterable<Buffer> = this.#response
    this.#silence.broken()
    try {
      for await (const chunk of body) {
        this.#silence.broken()
        yield chunk
      }
    } catch (error) {
      throw new HostError(this.host, `body broke off: ${this.#silence.reasonFor(error)}`, { cause: error })
    }
  }

  /**
   * The whole body.
   * @throws {HostError} where it breaks off, or is larger than `maxBytes`
   */
  async read(maxBytes: number): Promise<Buffer> {
    const chunks: Buffer[] = []
    let length = 0
    for await (const chunk of this.chunks()) {
      length += chunk.length
      if (length > maxBytes) throw new HostError(this.host, `body larger than ${maxBytes} bytes`)
      chunks.push(chunk)
    }
    return Buffer.concat(chunks)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#silence.end()
    this.#response.destroy()
  }
}

/** Aborts an exchange once nothing arrives for too long. */
class Silence {
  readonly #controller = new AbortController()
  readonly #timer = setTimeout(() => {
    this.#controller.abort(new Error(`nothing for ${SILENCE_TIMEOUT_MS} ms`))
  }, SILENCE_TIMEOUT_MS)

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  broken(): void {
    this.#timer.refresh()
  }

  end(): void {
    clearTimeout(this.#timer)
  }

  /** Why an exchange failed with `error`, which is only a consequence where the silence was too long. */
  reasonFor(error: unknown): string {
    const first: unknown = this.signal.aborted ? this.signal.reason : error
    // All addresses of a name were tried: the first is as good as any.
    const one: unknown = first instanceof AggregateError ? first.errors[0] : first
    return one instanceof Error ? one.message : String(one)
  }
}

/** Follows redirects to the response at their end. */
async function follow(url: URL, request: ExchangeRequest): Promise<IncomingMessage> {
  let target = url
  for (let redirects = 0; ; redirects++) {
    const { authorization: _, ...open } = request.headers
    const headers = target.origin === url.origin ? request.headers : open
    const response = await send(target, { ...request, headers })
    const { location } = response.headers
    if (location === undefined || !REDIRECTS.has(response.statusCode ?? 0)) return response
    response.destroy()
    if (redirects === MAX_REDIRECTS) throw new Error(`more than ${MAX_REDIRECTS} redirects`)
    const next = URL.parse(location, target.href)
    if (next === null || !/^https?:$/.test(next.protocol)) throw new Error('a redirect to no http or https URL')
    target = next
  }
}

function send(url: URL, { method, headers, signal }: ExchangeRequest): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const isSecure = url.protocol === 'https:'
  const options = {
    method,
    // Digests are those of the bytes as stored.
    headers: { 'accept-encoding': 'identity', ...headers },
    // A connection of its own: a kept one may be closed by the host in the moment it is used again.
    agent: false,
    signal,
  }
  const request = isSecure ? https.request(url, options) : http.request(url, options)
  const connecting = setTimeout(
    () => request.destroy(new Error(`no connection within ${CONNECT_TIMEOUT_MS} ms`)),
    CONNECT_TIMEOUT_MS,
  )
  request.on('socket', socket => {
    socket.once(isSecure ? 'secureConnect' : 'connect', () => clearTimeout(connecting))
  })
  request.on('error', reject).on('close', () => {
    clearTimeout(connecting)
    reject(new Error('connection ended without a response'))
  })
  request.on('response', response => resolve(addAbortSignal(signal, response)))
  request.end()
  return promise
}
