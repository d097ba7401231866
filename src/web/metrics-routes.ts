import type { BasicAuth } from '../http/basic-auth.ts'
import { sendBytes } from '../http/body.ts'
import type { Route } from '../http/dispatch.ts'
import type { Exchange } from '../http/exchange.ts'
import type { Metrics } from '../observability/metrics.ts'
import { MAX_PROFILE_SECONDS, type ProfileOptions, Profiler, ProfilerBusyError } from '../observability/profiler.ts'
import { DistributionError } from '../oci/distribution-error.ts'
import { quote } from '../oci/errors.ts'
import { insiderRoutes } from './insiders.ts'

/** Where `seconds` is not given. Go's pprof records a CPU profile as long. */
const DEFAULT_PROFILE_SECONDS = 30

export interface MetricsRoutesComponents {
  readonly metrics: Metrics
  /** Routes `/readyz` and `/livez`, which both listeners have. */
  readonly health: readonly Route[]
  /** Routes of the page and its API; none where it is off. */
  readonly web?: readonly Route[]
}

export interface MetricsRoutesOptions {
  /** Credentials of the mirrors, which all but metrics and health then need. Default: nothing needs any. */
  readonly basicAuth?: BasicAuth
}

function profileSeconds(query: URLSearchParams): number {
  const text = query.get('seconds')
  if (text === null) return DEFAULT_PROFILE_SECONDS
  const seconds = Number(text)
  if (/^\d+$/.test(text) && seconds >= 1 && seconds <= MAX_PROFILE_SECONDS) return seconds
  const message = `seconds ${quote(text)}: want an integer from 1 to ${MAX_PROFILE_SECONDS}`
  throw new DistributionError('UNSUPPORTED', message, { status: 400 })
}

async function sendProfile(exchange: Exchange, record: (options: ProfileOptions) => Promise<string>): Promise<void> {
  const seconds = profileSeconds(exchange.query)
  try {
    const body = await record({ seconds, signal: exchange.signal })
    await sendBytes(exchange, { status: 200, headers: { 'content-type': 'application/json' }, body })
  } catch (error) {
    if (!(error instanceof ProfilerBusyError)) throw error
    throw new DistributionError('UNSUPPORTED', error.message, {
      status: 503,
      headers: { 'retry-after': String(MAX_PROFILE_SECONDS) },
    })
  }
}

/** Routes of the metrics listener: the Prometheus exposition, profiles and health. */
export function metricsRoutes(
  components: MetricsRoutesComponents,
  options: MetricsRoutesOptions = {},
): readonly Route[] {
  const { metrics, health, web = [] } = components
  const profiler = new Profiler()
  const profiles: readonly Route[] = [
    {
      path: '/debug/pprof/profile',
      methods: ['GET'],
      handler: 'pprof',
      handle: async exchange => await sendProfile(exchange, options => profiler.cpu(options)),
    },
    {
      path: '/debug/pprof/heap',
      methods: ['GET'],
      handler: 'pprof',
      handle: async exchange => await sendProfile(exchange, options => profiler.heap(options)),
    },
  ]

  return [
    ...health,
    ...insiderRoutes([...web, ...profiles], options),
    {
      path: '/metrics',
      handler: 'metrics',
      handle: async exchange => {
        const { contentType, text } = await metrics.render()
        await sendBytes(exchange, { status: 200, headers: { 'content-type': contentType }, body: text })
      },
    },
  ]
}
