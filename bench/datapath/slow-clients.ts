import { setTimeout as delay } from 'node:timers/promises'
import { MemoryGroup } from '../memory-group.ts'
import { forgetPeak, peakMiB, residentMiB } from '../process-usage.ts'
import { table } from '../statistics.ts'
import type { Bench } from './scenario.ts'
import { type Server, type ServerOptions, startDockerRegistry, startNginx, startSpegel } from './server.ts'

const CLIENTS = [200, 1000]
const BYTES_PER_SECOND = 1_000_000
const LIMIT_MIB = 128
/** For a process to give back what it no longer needs. */
const AFTER_MS = 60_000
/** How we are asked by peers; all others don't care. */
const AS_PEER = 'X-Spegel-Mirrored: true'

/** Memory with many clients that are slow. Once: peaks have no median. */
export async function slowClients(bench: Bench): Promise<string> {
  const { content, directory } = bench
  const lines: (readonly string[])[] = []
  for (const clients of CLIENTS) {
    await using stack = new AsyncDisposableStack()
    const options = { directory, stack }
    const spegel = await startSpegel(content.layout, options)
    const line = await measure(bench, spegel, clients)
    await delay(bench.rounds > 1 ? AFTER_MS : 0)
    lines.push([...line, (await residentMiB(spegel.pid)).toFixed(0), await limited(bench, clients)])
    if (bench.has('nginx')) {
      const nginx = await startNginx({ kind: 'files', root: content.site }, { ...options, sendfile: false })
      lines.push([...(await measure(bench, nginx, clients)), '-', '-'])
    }
    if (bench.has('docker-registry')) {
      const registry = await startDockerRegistry({ kind: 'files', root: content.storage }, options)
      lines.push([...(await measure(bench, registry, clients)), '-', '-'])
    }
  }
  const head = [
    'clients at 1 MB/s',
    'served',
    'refused',
    'without an answer at the end',
    'MB/s',
    'idle RSS, MiB',
    'peak RSS',
    bench.rounds > 1 ? 'a minute after' : 'at the end',
    `in a control group of ${LIMIT_MIB} MiB`,
  ]
  return table(head, lines)
}

async function measure(bench: Bench, server: Server, clients: number): Promise<readonly string[]> {
  const idle = await residentMiB(server.pid)
  await forgetPeak(server.pid)
  const drained = await bench.drain.run(loadOf(bench, server, clients))
  return [
    `${server.name}, ${clients}`,
    String(drained.begun),
    String(drained.refused + drained.failed),
    String(clients - drained.begun - drained.refused - drained.failed),
    (drained.bytes / drained.seconds / 1e6).toFixed(0),
    idle.toFixed(0),
    (await peakMiB(server.pid)).toFixed(0),
  ]
}

/** Whether our node lives through the same load with a limit on its memory, which the page cache counts towards. */
async function limited(bench: Bench, clients: number): Promise<string> {
  const { content, directory } = bench
  const memory = await MemoryGroup.create(LIMIT_MIB).catch(() => undefined)
  if (memory === undefined) return 'skipped: cannot be made here'
  await using stack = new AsyncDisposableStack()
  stack.use(memory)
  const options: ServerOptions = { directory, stack, memory }
  const server = await startSpegel(content.layout, options)
  await bench.drain.run(loadOf(bench, server, clients))
  return (await isRunning(server)) ? 'lives' : 'killed'
}

async function isRunning({ pid }: Server): Promise<boolean> {
  return await residentMiB(pid).then(
    mib => mib > 0,
    () => false,
  )
}

function loadOf({ content, seconds }: Bench, server: Server, clients: number) {
  return {
    server,
    target: content.layer.target,
    connections: clients,
    requests: clients,
    bytesPerSecond: BYTES_PER_SECOND,
    seconds,
    header: AS_PEER,
  }
}
