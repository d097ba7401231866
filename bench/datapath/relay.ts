import { cpuMs, peakMiB } from '../process-usage.ts'
import { median, table } from '../statistics.ts'
import type { Bench } from './scenario.ts'
import { type Server, type ServerOptions, startDockerRegistry, startNginx, startSpegelRelay } from './server.ts'

/** Loads: a few clients at a time, and more than there are large buffers for. */
const LOADS = [
  { connections: 4, requests: 8 },
  { connections: 48, requests: 48 },
]

type Concurrency = (typeof LOADS)[number]

interface Sample {
  readonly cpuPerGB: number
  readonly gbPerSecond: number
}

interface Row {
  readonly server: Server
  readonly samples: Sample[]
}

/** Relaying a blob from a peer, which is one of its own kind for our node and nginx for all others, to a few fast clients. */
export async function relay(bench: Bench): Promise<string> {
  if (!bench.has('nginx')) return 'Skipped: relay needs nginx as the peer.'
  await using stack = new AsyncDisposableStack()
  const { content, directory } = bench
  const options: ServerOptions = { directory, stack }
  const peer = await startNginx({ kind: 'files', root: content.site }, options)
  const origin = { kind: 'server', url: `http://${peer.host}:${peer.port}` } as const
  const servers = [await startSpegelRelay(content.layout, options), await startNginx(origin, options)]
  const missing: string[] = []
  if (bench.has('docker-registry')) {
    const registry = await startDockerRegistry({ kind: 'files', root: content.storage }, options)
    const url = `http://${registry.host}:${registry.port}`
    servers.push(await startDockerRegistry({ kind: 'server', url }, options))
  } else missing.push('docker-registry')
  const parts: string[] = []
  for (const load of LOADS) parts.push(await relayAtOnce(bench, servers, load))
  return [...parts, ...missing.map(program => `Skipped: ${program} is not installed.`)].join('\n\n')
}

async function relayAtOnce(bench: Bench, servers: readonly Server[], load: Concurrency): Promise<string> {
  const rows: Row[] = servers.map(server => ({ server, samples: [] }))
  for (const { server } of rows) await measure(bench, server, load)
  const before = await loopDelays(servers)
  for (let round = 0; round < bench.rounds; round++) {
    for (const { server, samples } of rows) samples.push(await measure(bench, server, load))
  }
  const after = await loopDelays(servers)
  const [all, over20, over50] = after.map((count, index) => count - (before[index] ?? 0))
  const delays = `Of ${all} samples of our event loop's delay, ${over20} were over 20 ms and ${over50} over 50 ms.`
  return `${await report(rows, load)}\n\n${delays}`
}

/** Of the servers that tell: samples of their event loop's delay, and how many were over 20 and 50 ms. */
async function loopDelays(servers: readonly Server[]): Promise<readonly number[]> {
  const url = servers.find(({ metricsUrl }) => metricsUrl !== undefined)?.metricsUrl ?? ''
  const text = await (await fetch(url)).text()
  const upTo = (le: string): number =>
    Number(new RegExp(`^spegel_event_loop_block_seconds_bucket\\{le="${le}"\\} (\\d+)$`, 'm').exec(text)?.[1])
  const all = upTo('\\+Inf')
  return [all, all - upTo('0\\.02'), all - upTo('0\\.05')]
}

async function measure(
  { drain, content }: Bench,
  server: Server,
  { connections, requests }: Concurrency,
): Promise<Sample> {
  const before = await cpuMs(server.pid)
  const load = { server, target: content.layer.target, connections, requests }
  const { bytes, seconds, completed } = await drain.run(load)
  if (completed !== requests) throw new Error(`${server.name} completed ${completed} of ${requests} requests`)
  const used = (await cpuMs(server.pid)) - before
  return { cpuPerGB: used / 1000 / (bytes / 1e9), gbPerSecond: bytes / 1e9 / seconds }
}

async function report(rows: readonly Row[], { connections }: Concurrency): Promise<string> {
  const cpu = ({ samples }: Row): number => median(samples.map(({ cpuPerGB }) => cpuPerGB))
  const reference = rows.find(({ server }) => server.name === 'nginx proxy')
  const lines = await Promise.all(
    rows.map(async row => {
      const ratio = reference === undefined ? '-' : (cpu(row) / cpu(reference)).toFixed(2)
      const speed = median(row.samples.map(({ gbPerSecond }) => gbPerSecond)).toFixed(2)
      return [row.server.name, cpu(row).toFixed(3), ratio, speed, (await peakMiB(row.server.pid)).toFixed(0)]
    }),
  )
  const head = [`relay a blob, ${connections} at a time`, 'CPU-s/GB', '× nginx proxy', 'GB/s', 'peak RSS, MiB']
  return table(head, lines)
}
