import http, { type IncomingMessage } from 'node:http'
import { isIP, type Socket } from 'node:net'
import type { Log } from '../observability/log.ts'
import type { BasicAuth } from './basic-auth.ts'
import { PeerBusyError, PeerConnectError, PeerResponseError, PeerTimeoutError } from './errors.ts'
import { startFairTimeout } from './fair-timeout.ts'
import { formatHostPort } from './host-port.ts'
import { NodePeerBody } from './node-peer-body.ts'
import type { PeerClient, PeerRequest, PeerRequestOptions, PeerResponse } from './peer-client.ts'

/** Requests in flight to one peer. More would queue up at a peer that has enough to do. */
const MAX_CONNECTIONS_PER_PEER = 128

/** Idle connections kept to one peer. */
const MAX_KEPT_CONNECTIONS_PER_PEER = 8

/** How long an idle connection is kept: less than any server keeps it, so that few requests meet a closed one. */
const IDLE_TIMEOUT_MS = 60_000

const MAX_HEAD_BYTES = 16 * 1024

export interface PeerClientOptions {
  /** Requests in flight to one peer before the next is refused with {@link PeerBusyError}; default 128. */
  readonly maxConnectionsPerPeer?: number
  /** Credentials to send with every request. */
  readonly basicAuth?: BasicAuth
}

export interface PeerClientComponents {
  readonly log?: Log | undefined
}

/** Makes a peer client of node:http. */
export function createNodePeerClient({ log }: PeerClientComponents = {}, options: PeerClientOptions = {}): PeerClient {
  return new NodePeerClient({ log }, options)
}

/** One try of a request. */
interface Attempt {
  readonly agent: http.Agent
  readonly signal: AbortSignal
  readonly connectTimeoutMs: number
}

/** A kept connection turned out to be closed by the peer. */
class StaleConnectionError extends Error {}

class NodePeerClient implements PeerClient {
  readonly #log: Log | undefined
  readonly #maxConnectionsPerPeer: number
  readonly #headers: Readonly<Record<string, string>>
  readonly #kept = new http.Agent({
    keepAlive: true,
    maxFreeSockets: MAX_KEPT_CONNECTIONS_PER_PEER,
    timeout: IDLE_TIMEOUT_MS,
  })
  readonly #fresh = new http.Agent({ keepAlive: false })
  readonly #inFlight = new Map<string, number>()

  constructor({ log }: PeerClientComponents, options: PeerClientOptions) {
    this.#log = log
    this.#maxConnectionsPerPeer = options.maxConnectionsPerPeer ?? MAX_CONNECTIONS_PER_PEER
    this.#headers = options.basicAuth === undefined ? {} : { authorization: options.basicAuth.header }
  }

  async request(request: PeerRequest, options: PeerRequestOptions): Promise<PeerResponse> {
    const { signal, headersTimeoutMs, connectTimeoutMs = headersTimeoutMs } = options
    signal.throwIfAborted()
    const peer = formatHostPort(request.endpoint)
    // A host name would be looked up, and a dead resolver would then hold up more than this request.
    if (isIP(request.endpoint.host) === 0)
      throw new PeerConnectError(peer, { cause: new TypeError('not an IP address') })
    const release = this.#acquire(peer)
    const waiting = new AbortController()
    const abort = (): void => waiting.abort(signal.reason)
    signal.addEventListener('abort', abort)
    using _timeout = startFairTimeout(headersTimeoutMs, () =>
      waiting.abort(new PeerTimeoutError(peer, headersTimeoutMs)),
    )
    try {
      const message = await this.#sendAgainIfStale(request, { signal: waiting.signal, connectTimeoutMs })
      message.once('close', release)
      const body = new NodePeerBody(message, { peer, signal })
      // Ends a response that has no body.
      if (request.method === 'HEAD') message.resume()
      return { status: message.statusCode ?? 0, headers: message.headers, body }
    } catch (error) {
      release()
      throw error
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  close(): Promise<void> {
    this.#kept.destroy()
    this.#fresh.destroy()
    return Promise.resolve()
  }

  #acquire(peer: string): () => void {
    const limit = this.#maxConnectionsPerPeer
    const count = (this.#inFlight.get(peer) ?? 0) + 1
    if (count > limit) throw new PeerBusyError(peer, limit)
    this.#inFlight.set(peer, count)
    return () => {
      const left = (this.#inFlight.get(peer) ?? 0) - 1
      if (left > 0) this.#inFlight.set(peer, left)
      else this.#inFlight.delete(peer)
    }
  }

  async #sendAgainIfStale(request: PeerRequest, limits: Omit<Attempt, 'agent'>): Promise<IncomingMessage> {
    try {
      return await this.#send(request, { ...limits, agent: this.#kept })
    } catch (error) {
      if (!(error instanceof StaleConnectionError)) throw error
      this.#log?.debug('a kept connection was closed by the peer; asking again', {
        peer: formatHostPort(request.endpoint),
      })
      return this.#send(request, { ...limits, agent: this.#fresh })
    }
  }

  #send(
    { endpoint, method, target, headers, body }: PeerRequest,
    { agent, signal, connectTimeoutMs }: Attempt,
  ): Promise<IncomingMessage> {
    const peer = formatHostPort(endpoint)
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const outgoing = http.request({
      ...endpoint,
      method,
      path: target,
      headers: {
        ...headers,
        ...(body === undefined ? {} : { 'content-length': String(body.length) }),
        ...this.#headers,
      },
      agent,
      maxHeaderSize: MAX_HEAD_BYTES,
    })
    let bytesBefore = 0
    outgoing.once('socket', socket => {
      bytesBefore = socket.bytesRead
      if (socket.connecting) limitConnecting(socket, new PeerTimeoutError(peer, connectTimeoutMs), connectTimeoutMs)
    })
    outgoing.once('response', message => {
      const flaw = findFlaw(message, method)
      if (flaw === undefined) return resolve(message)
      message.destroy()
      reject(new PeerResponseError(peer, flaw))
    })
    // Stays for the life of the connection: what breaks after the head is told by the body.
    outgoing.on('error', (cause: NodeJS.ErrnoException) => {
      if (signal.aborted) reject(signal.reason)
      else if (cause instanceof PeerTimeoutError) reject(cause)
      else if (cause.syscall === 'connect') reject(new PeerConnectError(peer, { cause }))
      else if (outgoing.reusedSocket && outgoing.socket?.bytesRead === bytesBefore) reject(new StaleConnectionError())
      else reject(new PeerResponseError(peer, cause.message, { cause }))
    })
    // Where no response comes and there is no error either: the peer switched to another protocol.
    outgoing.once('close', () => reject(new PeerResponseError(peer, 'not an HTTP response')))
    const abort = (): void => {
      outgoing.destroy(new Error('given up'))
    }
    signal.addEventListener('abort', abort)
    outgoing.end(body)
    return promise.finally(() => signal.removeEventListener('abort', abort))
  }
}

/** Gives `socket` up with `error` where it is not connected in time. */
function limitConnecting(socket: Socket, error: Error, timeoutMs: number): void {
  const timeout = startFairTimeout(timeoutMs, () => socket.destroy(error))
  const stop = (): void => timeout[Symbol.dispose]()
  socket.once('connect', stop)
  socket.once('close', stop)
}

/** Why a response can't be used: its length must be known, and its bytes must be those of the content. */
function findFlaw({ headers, statusCode }: IncomingMessage, method: PeerRequest['method']): string | undefined {
  if (headers['transfer-encoding'] !== undefined) return `Transfer-Encoding ${headers['transfer-encoding']}`
  if (headers['content-encoding'] !== undefined) return `Content-Encoding ${headers['content-encoding']}`
  const hasBody = method !== 'HEAD' && statusCode !== 204 && statusCode !== 304
  return hasBody && headers['content-length'] === undefined ? 'no Content-Length' : undefined
}
