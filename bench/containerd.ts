/**
 * What a node with many images costs beside a real containerd: 200 images, 3000 pieces of content. A node that starts, one
 * that images are imported under, and one whose containerd restarts; with a second node that is told what it has. How long
 * the event loop was away at most is measured inside the process (`containerd/lag-probe.mjs`). Needs root, `npm run build`
 * and a containerd.
 *
 * Run: npm run bench:containerd
 */
import { loadavg } from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { ChildProgram } from '../test/e2e/containerd/child-program.ts'
import { Containerd } from '../test/e2e/containerd/containerd.ts'
import { type ContainerdBinary, containerdBinaries } from '../test/e2e/containerd/containerd-binary.ts'
import { enterSandbox, isSandboxed, unlessSandbox } from '../test/e2e/containerd/sandbox.ts'
import { type TestHost, TestNetwork } from '../test/interop/network.ts'
import { temporaryDirectory } from '../test/temporary-directory.ts'
import { writeImageArchive } from './containerd/image-archive.ts'
import { cpuMs, residentMiB } from './process-usage.ts'
import { machine, median, table } from './statistics.ts'

const IMAGES = 200
const BLOBS_EACH = 15
const ROUNDS = 3
/** How long a node is left alone before its memory is read. */
const IDLE_MS = 5_000
const PATIENCE_MS = 60_000
const POLL_MS = 25
const BUNDLE = path.resolve(import.meta.dirname, '../dist/spegel.js')
const PROBE = path.resolve(import.meta.dirname, 'containerd/lag-probe.mjs')

/** How long an event loop was away at most, and how much of that it was computing. */
interface Away {
  readonly wallMs: number
  readonly cpuMs: number
}

/** A node from the bundle, and an eye on its event loop. */
class WatchedNode implements AsyncDisposable {
  readonly #host: TestHost
  readonly #program: ChildProgram

  constructor(host: TestHost, peer: TestHost, flags: readonly string[]) {
    const common = ['--log-level=ERROR', `--router-addr=${host.address}:5001`, '--bootstrap-kind=static']
    const peers = ['--static-bootstrap-peers', peer.address]
    const command = [process.execPath, '--import', PROBE, BUNDLE, 'registry', ...common, ...flags, ...peers]
    this.#host = host
    this.#program = ChildProgram.start('spegel', host.within(command))
  }

  get pid(): number {
    return this.#program.pid
  }

  isReady(): Promise<boolean> {
    return this.#answers('/readyz')
  }

  /** Whether it listens; alone it is not ready. */
  isLive(): Promise<boolean> {
    return this.#answers('/livez')
  }

  /** Whether it has been told by the other what that holds: all images, and `moreTags` tags beside. */
  async knowsAll(moreTags = 0): Promise<boolean> {
    const text = await (await fetch(`http://${this.#host.address}:9090/metrics`)).text()
    return text.includes(`\nspegel_provider_records ${IMAGES * (BLOBS_EACH + 1) + moreTags}\n`)
  }

  /** Since the last time. */
  async away(): Promise<Away> {
    const before = this.#program.output.length
    this.#program.signal('SIGUSR2')
    const answer = (): string | undefined => /^\{"away".*\}$/m.exec(this.#program.output.slice(before))?.[0]
    await until(async () => answer() !== undefined)
    return JSON.parse(answer() ?? '').away
  }

  async #answers(at: string): Promise<boolean> {
    this.#program.assertRunning()
    const answer = await fetch(`http://${this.#host.address}:5000${at}`).catch(() => undefined)
    return answer?.status === 200
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program[Symbol.asyncDispose]()
  }
}

async function until(isSo: () => Promise<boolean>): Promise<number> {
  const started = performance.now()
  while (!(await isSo())) {
    if (performance.now() - started > PATIENCE_MS) throw new Error('waited too long')
    await delay(POLL_MS)
  }
  return performance.now() - started
}

/** Measures by what they are called, in the order of the table. */
type Sample = Record<string, number>

function awayRows(when: string, { wallMs, cpuMs: computingMs }: Away): Sample {
  return { [`event loop away at most ${when}, ms`]: wallMs, [`… computing in one go ${when}, ms`]: computingMs }
}

/** containerd 2 transfers by itself unless told otherwise, with megabytes of progress; 1.6 does not know the flag. */
async function importImages(containerd: Containerd, archive: string): Promise<void> {
  const args = ['--no-unpack', '--all-platforms', archive]
  await containerd.ctr('images', 'import', '--local', ...args).catch(() => containerd.ctr('images', 'import', ...args))
}

/** One containerd, empty at first, and what a node beside it does. */
async function measure(binary: ContainerdBinary, archive: string, network: TestNetwork): Promise<Sample> {
  const [host, other] = network.hosts
  if (host === undefined || other === undefined) throw new Error('two hosts are needed')
  await using stack = new AsyncDisposableStack()
  const { path: directory } = stack.use(await temporaryDirectory())
  const containerd = stack.use(
    await Containerd.create({ host, binary, directory, diskBytes: undefined, config: undefined }),
  )
  const { socket, content } = containerd.paths
  const flags = [`--containerd-sock=${socket}`, `--containerd-content-path=${content}`]

  const startPeer = (): WatchedNode =>
    new WatchedNode(other, host, ['--store=oci-layout', `--oci-layout-path=${directory}/none`])

  const sample: Sample = {}
  {
    await using peer = startPeer()
    await until(() => peer.isLive())
    await using node = new WatchedNode(host, other, flags)
    await until(() => node.isReady())
    await delay(IDLE_MS)
    await node.away()
    await importImages(containerd, archive)
    sample['images imported beside it: all advertised, ms after the import'] = await until(() => peer.knowsAll())
    Object.assign(sample, awayRows('meanwhile', await node.away()))
    sample['RSS then, MiB'] = await residentMiB(node.pid)
  }
  await using peer = startPeer()
  await until(() => peer.isLive())
  await using node = new WatchedNode(host, other, flags)
  const ready = await until(() => node.isReady())
  const imports = await node.away()
  const advertised = ready + (await until(() => peer.knowsAll()))
  sample['started beside all of them: ready, ms after the start'] = ready
  sample['all advertised, ms after the start'] = advertised
  Object.assign(sample, awayRows('until ready (modules are loaded)', imports))
  Object.assign(sample, awayRows('from ready to all advertised', await node.away()))
  await delay(IDLE_MS)
  Object.assign(sample, awayRows('while idle', await node.away()))
  sample['RSS when idle, MiB'] = await residentMiB(node.pid)
  sample['CPU since the start, ms'] = await cpuMs(node.pid)
  await containerd.restart()
  await containerd.ctr('images', 'tag', 'registry.test/team/app-0:v1', 'registry.test/team/app-0:v2')
  sample['containerd restarted: one more tag advertised, ms after it'] = await until(() => peer.knowsAll(1))
  await delay(IDLE_MS)
  Object.assign(sample, awayRows('since the restart', await node.away()))
  sample['RSS at the end, MiB'] = await residentMiB(node.pid)
  return sample
}

async function main(): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const { path: directory } = stack.use(await temporaryDirectory())
  const network = stack.use(await TestNetwork.create(2))
  await network.join()
  const archive = await writeImageArchive(directory, IMAGES, BLOBS_EACH)
  const before = machine()
  const binaries = containerdBinaries()
  const columns: Sample[][] = []
  for (const binary of binaries) {
    const samples: Sample[] = []
    for (let round = 0; round < ROUNDS; round++) samples.push(await measure(binary, archive, network))
    columns.push(samples)
  }
  const names = Object.keys(columns[0]?.[0] ?? {})
  const cell = (samples: readonly Sample[], name: string): string => {
    const values = samples.flatMap(sample => sample[name] ?? [])
    return `${median(values).toFixed(0)} (${Math.max(...values).toFixed(0)})`
  }
  process.stdout.write(
    `${before} before, ${loadavg()[0]?.toFixed(1)} after; medians of ${ROUNDS} rounds (and the most).\n\n${table(
      ['', ...binaries.map(({ version }) => `containerd ${version}`)],
      names.map(name => [name].concat(columns.map(samples => cell(samples, name)))),
    )}\n`,
  )
}

const skip = isSandboxed() ? false : unlessSandbox()
if (skip !== false) process.stderr.write(`not measured: ${skip}\n`)
else if (isSandboxed()) await main()
else enterSandbox()
