import { isIP } from 'node:net'
import type { Log } from '../observability/log.ts'
import type { BasicAuth } from './basic-auth.ts'
import type { BufferPool } from './buffer-pool.ts'
import { PeerConnectError, PeerResponseError, PeerTimeoutError, ResponseHeadError } from './errors.ts'
import { startFairTimeout } from './fair-timeout.ts'
import { formatHostPort } from './host-port.ts'
import { KeptConnections } from './kept-connections.ts'
import type { PeerClient, PeerRequest, PeerRequestOptions, PeerResponse } from './peer-client.ts'
import type { PeerConnection } from './peer-connection.ts'
import { PeerSlots } from './peer-slots.ts'
import { PooledPeerBody } from './pooled-peer-body.ts'
import { formatRequest } from './request-text.ts'
import { type ParsedHead, ResponseHeadParser } from './response-head-parser.ts'
import { TurnBudget } from './turn-budget.ts'

export interface PooledPeerClientComponents {
  /** Bodies are read into these. */
  readonly buffers: BufferPool
  readonly log?: Log | undefined
  /** Bounds what all bodies together read without a pause. Default: one of its own. */
  readonly turns?: TurnBudget
}

export interface PooledPeerClientOptions {
  /** Requests in flight to one peer before the next is refused with `PeerBusyError`; default 128. */
  readonly maxConnectionsPerPeer?: number
  /** Credentials to send with every request. */
  readonly basicAuth?: BasicAuth
}

/** Makes a peer client, which reads bodies straight into the buffers of a pool. */
export function createPooledPeerClient(
  components: PooledPeerClientComponents,
  options: PooledPeerClientOptions = {},
): PeerClient {
  return new PooledPeerClient(components, options)
}

/** One request, whichever connection it goes to. */
interface Asking {
  readonly peer: string
  /** The request, as latin1. */
  readonly text: string
  /** Whether a response has none of the body that its head describes. */
  readonly isHead: boolean
  /** Gives up the wait for the response head. */
  readonly waiting: AbortController
  readonly connectTimeoutMs: number
  /** Makes the body once the response head is there. */
  readonly open: (connection: PeerConnection, parsed: ParsedHead) => PooledPeerBody
}

/** A kept connection turned out to be closed by the peer. */
class StaleConnectionError extends Error {}

class PooledPeerClient implements PeerClient {
  readonly #buffers: BufferPool
  readonly #log: Log | undefined
  readonly #headers: Readonly<Record<string, string>>
  readonly #slots: PeerSlots
  readonly #connections = new KeptConnections()
  readonly #turns: TurnBudget

  constructor(
    { buffers, log, turns = new TurnBudget() }: PooledPeerClientComponents,
    options: PooledPeerClientOptions,
  ) {
    this.#buffers = buffers
    this.#log = log
    this.#turns = turns
    this.#headers = options.basicAuth === undefined ? {} : { authorization: options.basicAuth.header }
    this.#slots = new PeerSlots(options.maxConnectionsPerPeer)
  }

  async request(request: PeerRequest, options: PeerRequestOptions): Promise<PeerResponse> {
    const { signal, headersTimeoutMs, connectTimeoutMs = headersTimeoutMs } = options
    signal.throwIfAborted()
    const { endpoint } = request
    const peer = formatHostPort(endpoint)
    // A host name would be looked up, and a dead resolver would then hold up more than this request.
    if (isIP(endpoint.host) === 0) throw new PeerConnectError(peer, { cause: new TypeError('not an IP address') })
    const text = formatRequest(request, this.#headers)
    const isHead = request.method === 'HEAD'
    const slot = this.#slots.take(peer)
    const waiting = new AbortController()
    const abort = (): void => waiting.abort(signal.reason)
    signal.addEventListener('abort', abort)
    using _timeout = startFairTimeout(headersTimeoutMs, () =>
      waiting.abort(new PeerTimeoutError(peer, headersTimeoutMs)),
    )
    const open: Asking['open'] = (connection, { head, rest }) =>
      new PooledPeerBody(
        { connection, buffers: this.#buffers, turns: this.#turns },
        {
          peer,
          signal,
          lengthBytes: head.bodyBytes,
          first: rest,
          onArrived: () => {
            if (head.keepsConnection) this.#connections.keep(connection)
            else connection[Symbol.dispose]()
          },
          onDone: () => slot[Symbol.dispose](),
        },
      )
    try {
      return await this.#sendAgainIfStale(endpoint, { peer, text, isHead, waiting, connectTimeoutMs, open })
    } catch (error) {
      slot[Symbol.dispose]()
      throw error
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  close(): Promise<void> {
    this.#connections[Symbol.dispose]()
    return Promise.resolve()
  }

  async #sendAgainIfStale(endpoint: PeerRequest['endpoint'], asking: Asking): Promise<PeerResponse> {
    const kept = this.#connections.take(endpoint)
    if (kept !== undefined) {
      try {
        return await send(asking, kept, { kept: true })
      } catch (error) {
        if (!(error instanceof StaleConnectionError)) throw error
        this.#log?.debug('a kept connection was closed by the peer; asking again', { peer: asking.peer })
      }
    }
    const connection = this.#connections.connect(endpoint)
    using _timeout = startFairTimeout(asking.connectTimeoutMs, () => {
      if (connection.connecting) asking.waiting.abort(new PeerTimeoutError(asking.peer, asking.connectTimeoutMs))
    })
    return await send(asking, connection, { kept: false })
  }
}

/** Sends a request and waits for the response head. Closes the connection where none comes. */
async function send(asking: Asking, connection: PeerConnection, { kept }: { kept: boolean }): Promise<PeerResponse> {
  const { peer, text, isHead, open } = asking
  const { signal } = asking.waiting
  const { promise, resolve, reject } = Promise.withResolvers<PeerResponse>()
  const parser = new ResponseHeadParser({ isHead })
  const fail = (error: unknown): void => {
    reject(error)
    connection[Symbol.dispose]()
  }
  let heard = false
  connection.send(text, {
    into: undefined,
    take(bytes) {
      heard = true
      try {
        const parsed = parser.push(bytes)
        if (parsed === undefined) return true
        const { status, headers, bodyBytes } = parsed.head
        resolve({ status, headers, body: open(connection, parsed) })
        return parsed.rest.length >= bodyBytes
      } catch (error) {
        fail(error instanceof ResponseHeadError ? new PeerResponseError(peer, error.message, { cause: error }) : error)
        return false
      }
    },
    closed(cause) {
      if (isConnectFailure(cause)) reject(new PeerConnectError(peer, { cause }))
      else if (kept && !heard) reject(new StaleConnectionError())
      else reject(new PeerResponseError(peer, cause?.message ?? 'the connection was closed', { cause }))
    },
  })
  const abort = (): void => fail(signal.reason)
  signal.addEventListener('abort', abort)
  try {
    return await promise
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

function isConnectFailure(error: NodeJS.ErrnoException | undefined): boolean {
  return error?.syscall === 'connect'
}
