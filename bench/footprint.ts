/**
 * What an idle node costs: time from start to `/readyz`, resident memory once idle, and CPU while idle; alone and as one
 * of three that know each other, with the embedded store and with that of containerd (a stand-in for it, which holds
 * nothing), beside a bare Node process that does nothing, as the floor. Medians of interleaved
 * rounds. Needs `npm run build`.
 *
 * Run: npm run bench:footprint
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, loadavg, tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { FakeContainerd } from '../test/containerd/fake-containerd.ts'
import { freePorts } from '../test/free-ports.ts'
import { cpuMs, residentMiB } from './process-usage.ts'

const ROUNDS = 3
/** How long a process is left alone before its memory and CPU are read. */
const IDLE_MS = 5_000
const BUNDLE = path.resolve(import.meta.dirname, '../dist/spegel.js')

interface Sample {
  readonly readyMs: number | undefined
  readonly rssMiB: number
  readonly idleCpuMs: number
}

async function untilReady(url: string, child: ChildProcess): Promise<void> {
  while (child.exitCode === null) {
    const answer = await fetch(url).catch(() => undefined)
    if (answer?.status === 200) return
    await delay(5)
  }
  throw new Error(`the node exited with ${child.exitCode}`)
}

/** A process, and its end. */
class Running implements AsyncDisposable {
  readonly child: ChildProcess
  readonly #exited: Promise<unknown>

  constructor(args: readonly string[]) {
    this.child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
    this.#exited = once(this.child, 'exit')
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error('the process did not start')
    return this.child.pid
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill('SIGTERM')
    await this.#exited
  }
}

/** Memory and CPU of a process that is left alone. */
async function idle(pid: number): Promise<Omit<Sample, 'readyMs'>> {
  await delay(IDLE_MS)
  const before = await cpuMs(pid)
  await delay(IDLE_MS)
  return { rssMiB: await residentMiB(pid), idleCpuMs: (await cpuMs(pid)) - before }
}

/** The last of `count` nodes that know each other. */
async function sampleNode(store: Readonly<Record<string, string>>, count: number): Promise<Sample> {
  const ports = await freePorts()
  const hosts = Array.from({ length: count }, (_, index) => `127.0.0.${index + 1}`)
  await using stack = new AsyncDisposableStack()
  let sample: Pick<Sample, 'readyMs'> & { pid: number } = { readyMs: undefined, pid: 0 }
  for (const host of hosts) {
    const flags = {
      'log-level': 'ERROR',
      ...store,
      'registry-addr': `${host}:${ports.registry}`,
      'router-addr': `${host}:${ports.router}`,
      'metrics-addr': `${host}:${ports.metrics}`,
      'bootstrap-kind': 'static',
    }
    const args = [BUNDLE, 'registry', ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`)]
    const started = performance.now()
    const node = stack.use(new Running(host === hosts[0] ? args : [...args, '--static-bootstrap-peers', ...hosts]))
    await untilReady(`http://${host}:${ports.registry}/readyz`, node.child)
    sample = { readyMs: performance.now() - started, pid: node.pid }
  }
  return { readyMs: sample.readyMs, ...(await idle(sample.pid)) }
}

async function sampleBareNode(): Promise<Sample> {
  await using bare = new Running(['-e', 'setInterval(() => {}, 1e6)'])
  return { readyMs: undefined, ...(await idle(bare.pid)) }
}

function median(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]?.toFixed(0) ?? '-'
}

function row(name: string, samples: readonly Sample[]): string {
  const ready = samples.flatMap(one => one.readyMs ?? [])
  const rss = samples.map(one => one.rssMiB)
  const cpu = samples.map(one => one.idleCpuMs / (IDLE_MS / 1000))
  return `| ${name} | ${median(ready)} | ${median(rss)} | ${Math.max(...rss).toFixed(0)} | ${median(cpu)} |`
}

const layout = await mkdtemp(path.join(tmpdir(), 'spegel-bench-'))
const containerd = await FakeContainerd.start()
try {
  const embedded = { store: 'oci-layout', 'oci-layout-path': layout }
  const beside = {
    store: 'containerd',
    'containerd-sock': containerd.socket,
    'containerd-content-path': containerd.contentDirectory,
  }
  const rows: { readonly name: string; readonly sample: () => Promise<Sample>; readonly samples: Sample[] }[] = [
    { name: 'spegel registry, alone', sample: () => sampleNode(embedded, 1), samples: [] },
    { name: 'spegel registry, one of three', sample: () => sampleNode(embedded, 3), samples: [] },
    { name: 'spegel registry, alone beside containerd', sample: () => sampleNode(beside, 1), samples: [] },
    { name: 'spegel registry, one of three beside containerd', sample: () => sampleNode(beside, 3), samples: [] },
    { name: 'bare Node', sample: sampleBareNode, samples: [] },
  ]
  for (let round = 0; round < ROUNDS; round++) {
    for (const { sample, samples } of rows) samples.push(await sample())
  }
  const lines = [
    `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown CPU'}, load ${loadavg()[0]?.toFixed(1)}; medians of ${ROUNDS}.`,
    '',
    '| process | start to /readyz, ms | idle RSS, MiB | its maximum | CPU while idle, ms/s |',
    '| --- | --- | --- | --- | --- |',
    ...rows.map(({ name, samples }) => row(name, samples)),
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
} finally {
  await containerd[Symbol.asyncDispose]()
  await rm(layout, { recursive: true, force: true })
}
