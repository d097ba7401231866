import { utimes } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { cpuMs, peakMiB } from '../process-usage.ts'
import { median, table } from '../statistics.ts'
import type { Bench } from './scenario.ts'
import { type Server, type ServerOptions, startDockerRegistry, startNginx, startSpegel } from './server.ts'

const CONNECTIONS = 4
const REQUESTS = 8
/** Full serves that are each the first of their file, and so hashed. */
const FIRST_SERVES = 4
const SETTLE_MS = 150

interface Sample {
  readonly cpuPerGB: number
  readonly gbPerSecond: number
}

interface Row {
  readonly server: Server
  readonly name: string
  readonly measure: (bench: Bench, server: Server) => Promise<Sample>
  readonly samples: Sample[]
}

/** Serving a blob from files, as fast as a few clients take it. */
export async function serve(bench: Bench): Promise<string> {
  await using stack = new AsyncDisposableStack()
  const { content, directory } = bench
  const options: ServerOptions = { directory, stack }
  const files = { kind: 'files', root: content.site } as const
  const rows: Row[] = []
  const add = (server: Server, name = server.name, measure = warm): void => {
    rows.push({ server, name, measure, samples: [] })
  }
  const spegel = await startSpegel(content.layout, options)
  add(spegel, 'spegel, hashed before')
  add(spegel, 'spegel, each the first serve and hashed', hashed)
  const missing: string[] = []
  if (bench.has('nginx')) {
    add(await startNginx(files, { ...options, sendfile: false }))
    add(await startNginx(files, { ...options, sendfile: true }))
  } else missing.push('nginx')
  if (bench.has('docker-registry')) {
    add(await startDockerRegistry({ kind: 'files', root: content.storage }, options))
  } else missing.push('docker-registry')

  for (const { server } of rows) await warm(bench, server)
  for (let round = 0; round < bench.rounds; round++) {
    for (const { server, measure, samples } of rows) samples.push(await measure(bench, server))
  }
  return await report(rows, missing)
}

async function report(rows: readonly Row[], missing: readonly string[]): Promise<string> {
  const middle = ({ samples }: Row): Sample => ({
    cpuPerGB: median(samples.map(({ cpuPerGB }) => cpuPerGB)),
    gbPerSecond: median(samples.map(({ gbPerSecond }) => gbPerSecond)),
  })
  const reference = rows.find(({ name }) => name === 'nginx, sendfile off')
  const lines = await Promise.all(
    rows.map(async row => {
      const { cpuPerGB, gbPerSecond } = middle(row)
      const ratio = reference === undefined ? '-' : (cpuPerGB / middle(reference).cpuPerGB).toFixed(2)
      const peak = await peakMiB(row.server.pid)
      return [row.name, cpuPerGB.toFixed(3), ratio, gbPerSecond.toFixed(2), peak.toFixed(0)]
    }),
  )
  const head = ['serve a blob, 4 at a time', 'CPU-s/GB', '× nginx, sendfile off', 'GB/s', 'peak RSS, MiB']
  return [table(head, lines), ...missing.map(program => `Skipped: ${program} is not installed.`)].join('\n')
}

async function warm({ drain, content }: Bench, server: Server): Promise<Sample> {
  const before = await cpuMs(server.pid)
  const load = { server, target: content.layer.target, connections: CONNECTIONS, requests: REQUESTS }
  const { bytes, seconds, completed } = await drain.run(load)
  if (completed !== REQUESTS) throw new Error(`${server.name} completed ${completed} of ${REQUESTS} requests`)
  const used = (await settled(server.pid)) - before
  return { cpuPerGB: used / 1000 / (bytes / 1e9), gbPerSecond: bytes / 1e9 / seconds }
}

/** Lets the blob look like another file before each serve, and waits until each is hashed. */
async function hashed({ drain, content }: Bench, server: Server): Promise<Sample> {
  let [used, took, total] = [0, 0, 0]
  for (let count = 0; count < FIRST_SERVES; count++) {
    await utimes(content.layer.file, new Date(), new Date())
    const before = await cpuMs(server.pid)
    const load = { server, target: content.layer.target, connections: 1, requests: 1 }
    const { bytes, seconds } = await drain.run(load)
    used += (await settled(server.pid)) - before
    took += seconds
    total += bytes
  }
  return { cpuPerGB: used / 1000 / (total / 1e9), gbPerSecond: total / 1e9 / took }
}

/** CPU time of a process, once it does no more work. */
async function settled(pid: number): Promise<number> {
  let before = Number.NaN
  for (;;) {
    const now = await cpuMs(pid)
    if (now === before) return now
    before = now
    await delay(SETTLE_MS)
  }
}
