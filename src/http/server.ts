import { once } from 'node:events'
import http from 'node:http'
import { Socket } from 'node:net'
import type { Log } from '../observability/log.ts'
import { ConnectionTable } from './connection-table.ts'
import { ListenError } from './errors.ts'
import type { Handler } from './exchange.ts'
import { ExchangeRunner } from './exchange-runner.ts'
import { formatHostPort, type HostPort } from './host-port.ts'
import { lingerOnClose } from './lingering-close.ts'

/** Connections the kernel keeps for us before they are accepted; it has a limit of its own (`net.core.somaxconn`). */
const LISTEN_BACKLOG = 4096

/** Heads are looked through for late ones this many times per timeout. */
const HEADERS_CHECKS = 4

const BAD_REQUEST = 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'

export interface HttpServerComponents {
  readonly handler: Handler
  readonly log: Log
}

/** Bounds on what clients may take. */
export interface HttpServerLimits {
  readonly maxConnections: number
  readonly maxHeadBytes: number
  /** Longest wait for a complete request head, from the connection or the first byte on. */
  readonly headTimeoutMs: number
  /** Longest wait for a complete request, its body included. */
  readonly requestTimeoutMs: number
  /** How long a connection is kept between two requests. */
  readonly idleTimeoutMs: number
  /** How long a client may take nothing of what is being sent. */
  readonly writeIdleTimeoutMs: number
  /** How long an ended connection may take to be read out and closed by the client. */
  readonly lingerMs: number
}

/** Go's clients drop idle connections after 90 s; waiting longer lets them do it, so that no request meets a closed one. */
const DEFAULT_LIMITS: HttpServerLimits = {
  maxConnections: 2048,
  maxHeadBytes: 16 * 1024,
  headTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  idleTimeoutMs: 120_000,
  writeIdleTimeoutMs: 60_000,
  lingerMs: 5_000,
}

export interface HttpServerOptions {
  /** Names the server in errors and logs. */
  readonly name: string
  /** Port 0: any free one. */
  readonly listen: HostPort
  /** Gives up starting. */
  readonly signal?: AbortSignal
  /** Overrides of {@link DEFAULT_LIMITS}. */
  readonly limits?: Partial<HttpServerLimits>
}

/** A listening server. Disposing of it drains it without waiting for transfers. */
export interface HttpServer extends AsyncDisposable {
  /** Where it listens, the port it was given by the system included. */
  readonly address: { readonly host: string; readonly port: number }
  /**
   * Stops listening, closes idle connections, and waits for exchanges to finish. What is not finished after `timeoutMs`
   * is aborted: bodies end with FIN, requests still without a response are answered 503. Resolves when no connection is
   * left, at most the linger time later.
   */
  drain(timeoutMs: number): Promise<void>
}

/**
 * Starts serving HTTP/1.1.
 * @throws {ListenError} where the address can't be had
 */
export async function startHttpServer(
  { handler, log }: HttpServerComponents,
  { name, listen, signal, limits: overrides }: HttpServerOptions,
): Promise<HttpServer> {
  const limits = { ...DEFAULT_LIMITS, ...overrides }
  const connections = new ConnectionTable(limits)
  const runner = new ExchangeRunner({ connections, handler, log })
  const server = createServer({ connections, runner, log }, limits)
  try {
    server.listen({ ...listen, backlog: LISTEN_BACKLOG })
    await once(server, 'listening', signal === undefined ? {} : { signal })
  } catch (cause) {
    server.close()
    signal?.throwIfAborted()
    throw cause instanceof Error ? new ListenError(name, formatHostPort(listen), cause) : cause
  }
  server.on('error', error => log.warn('connection not accepted', { server: name, error }))

  let drained: Promise<void> | undefined
  const drain = async (timeoutMs: number): Promise<void> => {
    const closed = once(server, 'close')
    runner.stop()
    server.close()
    for (const socket of connections.waiting()) socket.destroy()
    const abort = setTimeout(() => runner.abort(), timeoutMs)
    const destroy = setTimeout(() => server.closeAllConnections(), timeoutMs + limits.lingerMs)
    await closed
    clearTimeout(abort)
    clearTimeout(destroy)
  }
  return {
    address: boundAddress(server),
    drain: timeoutMs => (drained ??= drain(timeoutMs)),
    [Symbol.asyncDispose]: () => (drained ??= drain(0)),
  }
}

interface ServerParts {
  readonly connections: ConnectionTable
  readonly runner: ExchangeRunner
  readonly log: Log
}

/** A node:http server that leads requests to `runner` and ends connections that go beyond `limits`. */
function createServer({ connections, runner, log }: ServerParts, limits: HttpServerLimits): http.Server {
  const server = http.createServer({
    maxHeaderSize: limits.maxHeadBytes,
    headersTimeout: limits.headTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.idleTimeoutMs,
    connectionsCheckingInterval: Math.ceil(limits.headTimeoutMs / HEADERS_CHECKS),
  })
  server.timeout = limits.writeIdleTimeoutMs
  server.on('connection', socket => {
    lingerOnClose(socket, limits.lingerMs)
    connections.admit(socket)
  })
  server.on('request', (_, response) => runner.enqueue(response))
  // Nothing here wants a body, whatever the client expects: without a listener, node:http answers 417 by itself. Unasked
  // for, the body may come or not: what follows on the connection can't be told apart.
  for (const event of ['checkContinue', 'checkExpectation'] as const) {
    server.on(event, (_, response) => {
      response.shouldKeepAlive = false
      runner.enqueue(response)
    })
  }
  server.on('timeout', socket => {
    // While nothing waits to be sent it is this side that takes its time.
    if (connections.isWaiting(socket) || socket.writableLength > 0) socket.destroySoon()
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (!(socket instanceof Socket) || socket.destroyed) return
    log.debug('malformed request', { client: socket.remoteAddress, error })
    if (!connections.isWaiting(socket)) {
      socket.destroySoon()
    } else if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') {
      socket.destroy()
    } else {
      socket.write(BAD_REQUEST)
      socket.destroySoon()
    }
  })
  return server
}

function boundAddress(server: http.Server): HttpServer['address'] {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new TypeError('the server listens on no TCP port')
  return { host: address.address, port: address.port }
}
