import http from 'node:http'
import { cpuMs } from '../process-usage.ts'
import { median, quantile, table } from '../statistics.ts'
import type { Load } from './drain.ts'
import type { Bench } from './scenario.ts'
import { type Server, startDockerRegistry, startNginx, startSpegel } from './server.ts'

/** docker-registry wants to know that the client can read it. */
const ACCEPT = 'application/vnd.oci.image.manifest.v1+json'
const CONNECTIONS = 8
const REQUESTS = 5_000
/** Transfers that run beside the requests whose latency is measured. */
const TRANSFERS = 8
const TIMED_REQUESTS = 500

interface Figures {
  readonly perSecond: number
  readonly cpuMicroseconds: number
  readonly beside: readonly number[]
}

/** Manifests: many of them alone, and one after another beside transfers at full speed. */
export async function smallRequests(bench: Bench): Promise<string> {
  await using stack = new AsyncDisposableStack()
  const { content, directory } = bench
  const options = { directory, stack }
  const servers = [await startSpegel(content.layout, options)]
  if (bench.has('nginx')) {
    servers.push(await startNginx({ kind: 'files', root: content.site }, { ...options, sendfile: false }))
  }
  if (bench.has('docker-registry')) {
    servers.push(await startDockerRegistry({ kind: 'files', root: content.storage }, options))
  }
  const rows = servers.map(server => ({ server, samples: [] as Figures[] }))
  for (let round = 0; round < bench.rounds; round++) {
    for (const { server, samples } of rows) samples.push(await measure(bench, server))
  }
  const lines = rows.map(({ server, samples }) => {
    const beside = samples.flatMap(sample => sample.beside)
    return [
      server.name,
      median(samples.map(({ perSecond }) => perSecond)).toFixed(0),
      median(samples.map(({ cpuMicroseconds }) => cpuMicroseconds)).toFixed(0),
      quantile(beside, 0.5).toFixed(1),
      quantile(beside, 0.99).toFixed(1),
    ]
  })
  const head = [
    `a manifest of ${content.manifest.size} bytes`,
    'requests/s',
    'CPU each, µs',
    'beside 8 transfers: p50, ms',
    'p99, ms',
  ]
  return table(head, lines)
}

async function measure(bench: Bench, server: Server): Promise<Figures> {
  const { drain, content } = bench
  const before = await cpuMs(server.pid)
  const alone: Load = {
    server,
    target: content.manifest.target,
    connections: CONNECTIONS,
    requests: REQUESTS,
    header: `Accept: ${ACCEPT}`,
  }
  const { seconds, completed } = await drain.run(alone)
  if (completed !== REQUESTS) throw new Error(`${server.name} completed ${completed} of ${REQUESTS} requests`)
  const cpuMicroseconds = (((await cpuMs(server.pid)) - before) * 1000) / REQUESTS
  return { perSecond: REQUESTS / seconds, cpuMicroseconds, beside: await latenciesBeside(bench, server) }
}

async function latenciesBeside({ drain, content, seconds }: Bench, server: Server): Promise<readonly number[]> {
  const enough = new AbortController()
  const load = { server, target: content.layer.target, connections: TRANSFERS, requests: 1e6, seconds: 10 * seconds }
  const transfers = drain.run(load, { signal: enough.signal }).catch((error: unknown) => {
    if (!enough.signal.aborted) throw error
  })
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  const times: number[] = []
  for (let count = 0; count < TIMED_REQUESTS; count++) {
    const startedAt = performance.now()
    await get(server, { agent, path: content.manifest.target, headers: { accept: ACCEPT } })
    times.push(performance.now() - startedAt)
  }
  agent.destroy()
  enough.abort()
  await transfers
  return times
}

async function get({ host, port }: Server, options: http.RequestOptions): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const request = http.get({ host, port, ...options }, response => {
      if (response.statusCode === 200) response.resume().once('end', resolve)
      else reject(new Error(`answered ${response.statusCode}`))
    })
    request.once('error', reject)
  })
}
