import type { Log } from '../observability/log.ts'
import type { Metrics } from '../observability/metrics.ts'
import { DistributionError, distributionErrorBody } from '../oci/distribution-error.ts'
import { endShort, sendBytes } from './body.ts'
import { BodyBrokenError, ClientGoneError, ServerStoppingError } from './errors.ts'
import type { Exchange, Handler } from './exchange.ts'
import { loggedTarget } from './request-target.ts'

/** Methods named in labels; the rest share `other`, because a client chooses them. */
const METHOD_LABELS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** The `code` label where the client hung up before it was answered. */
const CODE_CLIENT_GONE = 499

/** Which requests go to which handler. */
export interface Route {
  /** The whole path; with a trailing `*`, every path that starts with what is before it. */
  readonly path: string
  /** Default: GET and HEAD. */
  readonly methods?: readonly string[]
  /** The `handler` label, which the handler may narrow. */
  readonly handler: string
  readonly handle: Handler
}

export interface DispatchComponents {
  /** Of several routes that match, the first is taken. */
  readonly routes: readonly Route[]
  readonly metrics: Metrics
  readonly log: Log
}

/**
 * The one place where requests find their handler, errors become responses, and requests are measured and logged. A
 * {@link DistributionError} is answered as it says; any other error is a 500 that tells the client nothing. Where the
 * head is sent already, the body ends early instead.
 */
export function dispatch({ routes, metrics, log }: DispatchComponents): Handler {
  return async exchange => {
    const { request, response } = exchange
    const { socket } = request
    using _watched = metrics.eventLoop.watch()
    const startedAt = performance.now()
    const bytesBefore = socket.bytesWritten
    const matching = routes.filter(({ path }) => matches(path, exchange.path))
    exchange.handler = matching[0]?.handler ?? 'other'
    const inflight = metrics.httpRequestsInflight.labels(exchange.handler)
    inflight.inc()
    const error = await handle(exchange, matching)
    inflight.dec()

    const code = response.headersSent ? response.statusCode : CODE_CLIENT_GONE
    const { method = '' } = request
    const labels = { handler: exchange.handler, method: METHOD_LABELS.has(method) ? method : 'other', code }
    const seconds = (performance.now() - startedAt) / 1000
    const bytes = socket.bytesWritten - bytesBefore
    metrics.httpRequestDuration.observe(labels, seconds)
    metrics.httpResponseSize.observe(labels, bytes)
    const fields = { ...labels, target: loggedTarget(exchange), client: socket.remoteAddress, seconds, bytes }
    log[levelOf(error)]('request', error === undefined ? fields : { ...fields, error })
  }
}

function matches(pattern: string, path: string): boolean {
  return pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern
}

/** Answers the exchange, whatever happens. Returns the error that it met. */
async function handle(exchange: Exchange, routes: readonly Route[]): Promise<unknown> {
  const { request, response, signal } = exchange
  try {
    await chooseRoute(routes, request.method ?? '').handle(exchange)
    if (!response.writableEnded) throw new Error(`handler ${exchange.handler} left its response incomplete`)
    return undefined
  } catch (error) {
    if (response.headersSent || response.closed) {
      endShort(response)
    } else {
      // Fails only where the client hangs up, and then nobody is left to tell.
      await sendError(exchange, error).catch(() => undefined)
    }
    return signal.reason ?? error
  }
}

function chooseRoute(routes: readonly Route[], method: string): Route {
  const methodsOf = (route: Route) => route.methods ?? ['GET', 'HEAD']
  const route = routes.find(route => methodsOf(route).includes(method))
  if (route !== undefined) return route
  if (routes.length === 0) throw new DistributionError('UNSUPPORTED', 'nothing is served under this path')
  const allow = [...new Set(routes.flatMap(methodsOf))].join(', ')
  throw new DistributionError('UNSUPPORTED', `want one of ${allow}`, { status: 405, headers: { allow } })
}

async function sendError(exchange: Exchange, error: unknown): Promise<void> {
  const answer = publicError(exchange, error)
  const headers = { ...answer.headers, 'content-type': 'application/json' }
  await sendBytes(exchange, { status: answer.status, headers, body: distributionErrorBody(answer) })
}

function publicError({ signal }: Exchange, error: unknown): DistributionError {
  if (error instanceof DistributionError) return error
  if (signal.aborted) return new DistributionError('UNKNOWN', 'shutting down', { status: 503 })
  return new DistributionError('UNKNOWN', 'internal error')
}

/**
 * An error is logged once, with its request: as an error where it is ours, as a warning where a client is left with half a
 * body. Answers that a handler chose are no news, 503 included: a kubelet asks a node that is not ready every few seconds.
 */
function levelOf(error: unknown): 'debug' | 'warn' | 'error' {
  if (error === undefined || error instanceof DistributionError || error instanceof ClientGoneError) return 'debug'
  return error instanceof BodyBrokenError || error instanceof ServerStoppingError ? 'warn' : 'error'
}
