/**
 * Cold bursts on real nodes: containerds in network namespaces, each with a mirror (the bundle), and one upstream registry
 * that they share 10 MB/s of. All of them pull a new image within 100 ms, by their mirrors and past them, against one that
 * pulls alone. Then what a mirror costs a pull that nobody else is making, with all other nodes there and with one that can't
 * be reached; and what a node costs that claims without end. Needs root, `npm run build`, `docker-registry` and a containerd.
 * Everything happens in a sandbox that vanishes with it. It takes about four minutes.
 *
 * Run: npm run bench:burst -- [--megabytes=140] [--nodes=6] [--megabytes-per-second=10] [--containerd=2]
 *      [--skip=direct,shaped,unshaped,latency,blackhole,flood]
 */
import { loadavg } from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { type ContainerdBinary, containerdBinaries } from '../test/e2e/containerd/containerd-binary.ts'
import { unlessPossible } from '../test/e2e/containerd/e2e.ts'
import { enterSandbox, isSandboxed } from '../test/e2e/containerd/sandbox.ts'
import type { UpstreamImage } from '../test/e2e/containerd/upstream/upstream.ts'
import { claimsFlood } from './burst/claims-flood.ts'
import { loneColdPulls, pullsBesideBlackhole } from './burst/lone-pull.ts'
import { type Burst, Stage } from './burst/stage.ts'
import { machine, median, quantile, table } from './statistics.ts'

const BUNDLE = path.resolve(import.meta.dirname, '../dist/spegel.js')
const MEGABYTE = 1_000_000
/** Of an image's bytes, what each layer has. */
const LAYER_SHARES = [0.04, 0.13, 0.26, 0.57]
/** Where upstream does not limit, two cores do, and a single run tells little. */
const UNSHAPED_ROUNDS = 3
const PARTS: ReadonlySet<string> = new Set(['direct', 'shaped', 'unshaped', 'latency', 'blackhole', 'flood'])
const MAX_SECONDS = 360
/** Of the longest waits. */
const SHOWN_WAITS = 5

const { values: flags } = parseArgs({
  options: {
    megabytes: { type: 'string', default: '140' },
    nodes: { type: 'string', default: '6' },
    'megabytes-per-second': { type: 'string', default: '10' },
    /** The version's beginning. */
    containerd: { type: 'string', default: '2' },
    skip: { type: 'string', default: '' },
  },
})
const skipped = new Set(flags.skip.split(',').filter(part => part !== ''))

interface NamedBurst {
  readonly name: string
  readonly burst: Burst
  /** One node alone past its mirror, under the same conditions. */
  readonly lone: Burst
}

function progress(text: string): void {
  process.stderr.write(`${new Date().toISOString()} ${text}\n`)
}

function print(text: string): void {
  process.stdout.write(`${text}\n\n`)
}

async function pushImage({ upstream }: Stage): Promise<UpstreamImage> {
  const layers = LAYER_SHARES.map(share => Math.round(Number(flags.megabytes) * MEGABYTE * share))
  return await upstream.push({ layers, index: true, repository: 'burst/app' })
}

/** One, all directly, all coalesced, with upstream as fast as it is throttled to. */
async function measureBursts(stage: Stage, image: UpstreamImage, limit: string): Promise<readonly NamedBurst[]> {
  const named = (name: string) => `${name}, upstream ${limit}`
  progress(named('one node directly'))
  const lone = await stage.pull(image, stage.nodes.slice(0, 1), 'direct')
  const bursts = [{ name: named('one node directly'), burst: lone, lone }]
  if (!skipped.has('direct')) {
    progress(named('all directly'))
    bursts.push({ name: named('all directly'), burst: await stage.pull(image, stage.nodes, 'direct'), lone })
  }
  progress(named('all coalesced'))
  bursts.push({ name: named('all coalesced'), burst: await stage.pull(image, stage.nodes, 'mirror'), lone })
  return bursts
}

function burstRow({ name, burst, lone }: NamedBurst, { bytes }: UpstreamImage): readonly string[] {
  const { fetches, seconds, upstreamBytes, uploadedBytes, cpu } = burst
  return [
    name,
    [...new Set([Math.min(...fetches), Math.max(...fetches)])].join('–'),
    (upstreamBytes / bytes).toFixed(3),
    seconds.toFixed(2),
    (seconds / lone.seconds).toFixed(2),
    (Math.max(...uploadedBytes) / bytes).toFixed(2),
    cpu.mirrors.toFixed(1),
    cpu.containerds.toFixed(1),
  ]
}

function printBursts(bursts: readonly NamedBurst[], image: UpstreamImage): void {
  const head = ['', 'upstream fetches a blob', 'upstream bytes / image', 'last commit, s', '… / one directly']
  const more = ['most uploaded / image', 'CPU of mirrors, s', 'CPU of containerds, s']
  const rows = bursts.map(burst => burstRow(burst, image))
  print(table([...head, ...more], rows))
  const spread = Math.max(...bursts.map(({ burst }) => burst.spreadMs))
  print(`Pulls were started within ${spread} ms. Digests of all content on all nodes were right.`)
}

async function measureShaped(stage: Stage): Promise<void> {
  const image = await pushImage(stage)
  stage.upstream.throttle(Number(flags['megabytes-per-second']) * MEGABYTE)
  printBursts(await measureBursts(stage, image, `${flags['megabytes-per-second']} MB/s`), image)
  stage.upstream.throttle(undefined)
}

async function measureUnshaped(stage: Stage): Promise<void> {
  const image = await pushImage(stage)
  const rounds: NamedBurst[] = []
  for (let round = 0; round < UNSHAPED_ROUNDS; round++) rounds.push(...(await measureBursts(stage, image, 'unshaped')))
  printBursts(rounds, image)
}

function spread(values: readonly number[]): readonly string[] {
  return [quantile(values, 0.5), quantile(values, 0.99), Math.max(...values)].map(value => value.toFixed(1))
}

async function measureLatency(stage: Stage): Promise<void> {
  progress('lone cold pulls')
  const { waitsMs, bareWaitsMs, pullMs } = await loneColdPulls(stage)
  const rows = [
    [`a request's wait for the mirror's “not here” (${waitsMs.length})`, ...spread(waitsMs)],
    [`a request's wait for a server that only says so (${bareWaitsMs.length})`, ...spread(bareWaitsMs)],
    [`a whole pull by the mirror (${pullMs.mirror.length})`, ...spread(pullMs.mirror)],
    [`a whole pull directly (${pullMs.direct.length})`, ...spread(pullMs.direct)],
  ]
  print(table(['lone cold pulls of a small image', 'p50, ms', 'p99, ms', 'most, ms'], rows))
}

async function measureBlackhole(stage: Stage): Promise<void> {
  progress('lone cold pulls beside a blackhole')
  const pulls = await pullsBesideBlackhole(stage)
  const waits = pulls.flat()
  const slow = pulls.flatMap((pull, index) => pull.map(wait => ({ wait, index }))).toSorted((a, b) => b.wait - a.wait)
  const worst = slow.slice(0, SHOWN_WAITS).map(({ wait, index }) => `${wait.toFixed(0)} ms in pull ${index + 1}`)
  print(
    `With one of the nodes blackholed a moment before, ${pulls.length} lone cold pulls: a request waited ` +
      `${median(waits).toFixed(1)} ms (p50), at most ${worst.join(', ')}.`,
  )
}

async function measureFlood(stage: Stage): Promise<void> {
  progress('claims without end')
  const { flooder, bystander, undisturbed, residentMiB, coordinatorCpuSeconds } = await claimsFlood(stage)
  const row = (name: string, { seconds, waitMs, ...driver }: typeof flooder): readonly string[] => [
    name,
    (driver.sent / seconds).toFixed(0),
    Object.entries({ ...driver.answers, unanswered: driver.unanswered, 'hang-ups': driver.hangUps })
      .map(([outcome, count]) => `${count} ${outcome}`)
      .join(', '),
    [waitMs.p50, waitMs.p99, waitMs.most].map(wait => wait.toFixed(1)).join(' / '),
  ]
  print(
    table(
      ['who claims at one coordinator', 'claims a second', 'answers', 'wait p50 / p99 / most, ms'],
      [
        row('the flooder', flooder),
        row('another node meanwhile', bystander),
        row('that node before the flood', undisturbed),
      ],
    ),
  )
  const { before, most, after } = residentMiB
  print(
    `The coordinator's resident memory: ${before.toFixed(0)} MiB before, ${most.toFixed(0)} MiB at most, ` +
      `${after.toFixed(0)} MiB five seconds after; CPU ${coordinatorCpuSeconds.toFixed(1)} s.`,
  )
}

async function main(binary: ContainerdBinary): Promise<void> {
  process.env['SPEGEL_E2E_PROGRAM'] ??= BUNDLE
  // What has not ended by then never will, and the sandbox goes with this process.
  setTimeout(() => {
    throw new Error(`given up after ${MAX_SECONDS} s`)
  }, MAX_SECONDS * 1000).unref()
  const before = machine()
  const startedAt = performance.now()
  await using stage = await Stage.set(binary, Number(flags.nodes))
  print(
    `${flags.nodes} nodes, containerd ${binary.version}, an image of ${flags.megabytes} MB in four layers. ${before}.`,
  )
  const parts = {
    shaped: measureShaped,
    unshaped: measureUnshaped,
    latency: measureLatency,
    blackhole: measureBlackhole,
    flood: measureFlood,
  }
  for (const [name, measure] of Object.entries(parts)) if (!skipped.has(name)) await measure(stage)
  if (skipped.size > 0) print(`Skipped: ${[...skipped].join(', ')}.`)
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0)
  print(`Load ${loadavg()[0]?.toFixed(1)} at the end, after ${seconds} s.`)
}

const unknown = [...skipped].find(part => !PARTS.has(part))
const skip = unknown === undefined ? unlessPossible() : `there is no part ${unknown}`
const binary = containerdBinaries().find(({ version }) => version.startsWith(flags.containerd))
if (skip !== false) process.stderr.write(`not measured: ${skip}\n`)
else if (binary === undefined) process.stderr.write(`not measured: no containerd ${flags.containerd} is installed\n`)
else if (isSandboxed()) await main(binary)
else enterSandbox()
