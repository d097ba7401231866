import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Log } from '../observability/log.ts'
import { endShort } from './body.ts'
import type { ConnectionTable } from './connection-table.ts'
import { ClientGoneError, ServerStoppingError } from './errors.ts'
import type { Handler } from './exchange.ts'
import { parseRequestTarget } from './request-target.ts'

/** Requests of one connection that wait for the one before them; no client of a registry pipelines at all. */
const MAX_PIPELINED = 16

/** A request body at most this long is read and dropped to keep the connection; a longer one costs it. */
const MAX_DROPPED_BODY_BYTES = 64 * 1024

export interface ExchangeRunnerComponents {
  readonly connections: ConnectionTable
  readonly handler: Handler
  readonly log: Log
}

/** Runs the handler for the requests of a server: at once for each connection, one after another on each. */
export class ExchangeRunner {
  readonly #connections: ConnectionTable
  readonly #handler: Handler
  readonly #log: Log
  /** Requests that wait, for each connection that is being served. */
  readonly #queues = new WeakMap<Socket, ServerResponse[]>()
  readonly #running = new Map<ServerResponse, AbortController>()
  #stopping = false

  constructor({ connections, handler, log }: ExchangeRunnerComponents) {
    this.#connections = connections
    this.#handler = handler
    this.#log = log
  }

  /** Answers the request of `response`, after those that came before it on its connection. */
  enqueue(response: ServerResponse): void {
    const { socket } = response.req
    const queue = this.#queues.get(socket)
    if (queue === undefined) void this.#serveAll(socket, response)
    else if (queue.length < MAX_PIPELINED) queue.push(response)
    else socket.destroy()
  }

  /** Closes each connection after the exchange that is running on it. */
  stop(): void {
    this.#stopping = true
    for (const response of this.#running.keys()) response.shouldKeepAlive = false
  }

  /** Aborts the exchanges that are running. */
  abort(): void {
    for (const controller of this.#running.values()) controller.abort(new ServerStoppingError())
  }

  async #serveAll(socket: Socket, first: ServerResponse): Promise<void> {
    const queue = [first]
    this.#queues.set(socket, queue)
    this.#connections.markBusy(socket)
    for (let next = queue.shift(); next !== undefined && socket.writable; next = queue.shift()) await this.#serve(next)
    this.#queues.delete(socket)
    this.#connections.markWaiting(socket)
    if (this.#stopping) socket.destroySoon()
  }

  async #serve(response: ServerResponse): Promise<void> {
    const request = response.req
    const controller = new AbortController()
    const closed = new Promise<void>(resolve => {
      response.once('close', () => {
        if (!response.writableFinished) controller.abort(new ClientGoneError())
        resolve()
      })
    })
    // A write after the client hung up; 'close' says so too.
    response.on('error', () => undefined)
    // Turns a body that is longer or shorter than its Content-Length into an error of the one who sends it.
    response.strictContentLength = true
    if (this.#stopping || bodyBytes(request) > MAX_DROPPED_BODY_BYTES) response.shouldKeepAlive = false
    if (request.method === 'GET' || request.method === 'HEAD') request.resume()

    this.#running.set(response, controller)
    const target = parseRequestTarget(request.url ?? '')
    try {
      await this.#handler({ request, response, ...target, signal: controller.signal, handler: '' })
    } catch (error) {
      this.#log.error('request handler failed', { error })
    }
    if (!response.writableEnded) endShort(response)
    await closed
    this.#running.delete(response)
  }
}

/** How long the body of `request` is said to be. */
function bodyBytes({ headers }: IncomingMessage): number {
  return headers['transfer-encoding'] === undefined ? Number(headers['content-length'] ?? 0) : Number.POSITIVE_INFINITY
}
