/**
 * What a pull of an image takes with a real containerd, as kubelet makes it, unpacking included: straight from a registry, through
 * a node of ours whose peer has the image, and through Debian's docker-registry as a pull-through cache that has it. Each is a
 * host of its own on a network that has no limit at first and then lets every host send 1 Gbit/s. Medians of interleaved
 * rounds. Needs root, docker-registry, containerd and `npm run build`; the image is kept in memory some four times.
 *
 * Run: npm run bench:pull [-- [--megabytes=1000] [--rounds=3]]
 */
import { loadavg } from 'node:os'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { type ContainerdBinary, containerdBinaries } from '../test/e2e/containerd/containerd-binary.ts'
import { enterSandbox, isSandboxed, unlessSandbox } from '../test/e2e/containerd/sandbox.ts'
import { unlessInstalled } from '../test/e2e/program.ts'
import { type Pull, type PullScene, setPullScene, type Way } from './pull/pull-scene.ts'
import { machine, median, table } from './statistics.ts'

/** In the order of the table, with their names there. */
const WAYS = [
  ['direct', 'direct from the registry'],
  ['spegel', 'through spegel, a peer has it'],
  ['cache', 'through docker-registry, pull-through'],
] as const
const SHAPED_BYTES_PER_SECOND = 1e9 / 8
const MEGABYTE = 1e6

const say = (text: string): void => void process.stdout.write(`${text}\n\n`)

interface Options {
  readonly megabytes: number
  readonly rounds: number
}

function parseOptions(): Options {
  const { values } = parseArgs({
    options: { megabytes: { type: 'string', default: '1000' }, rounds: { type: 'string', default: '3' } },
  })
  const [megabytes, rounds] = [Number(values.megabytes), Number(values.rounds)]
  if (!(megabytes >= 1) || !(rounds >= 1)) throw new Error('--megabytes and --rounds want numbers from 1 on')
  return { megabytes, rounds }
}

/** The lines of the table for one kind of link. */
async function measure(scene: PullScene, link: string, rounds: number): Promise<readonly (readonly string[])[]> {
  const pulls: Record<Way, Pull[]> = { direct: [], spegel: [], cache: [] }
  for (let round = 0; round < rounds; round++) {
    for (const [way] of WAYS) pulls[way].push(await scene.pull(way))
  }
  const middle = (way: Way, of: keyof Pull): number => median(pulls[way].map(pull => pull[of])) / 1000
  return WAYS.map(([way, name]) => [
    `${name}, ${link}`,
    middle(way, 'committedMs').toFixed(2),
    (middle(way, 'committedMs') / middle('direct', 'committedMs')).toFixed(2),
    middle(way, 'doneMs').toFixed(2),
    (middle(way, 'doneMs') / middle('direct', 'doneMs')).toFixed(2),
    middle(way, 'cpuMs').toFixed(2),
    middle(way, 'containerdCpuMs').toFixed(2),
  ])
}

async function report(binary: ContainerdBinary, { megabytes, rounds }: Options): Promise<void> {
  await using scene = await setPullScene(binary, megabytes * MEGABYTE)
  const lines = [...(await measure(scene, 'unshaped', rounds))]
  const unshaped = unlessInstalled('tc')
  if (unshaped === false) {
    await scene.shape(SHAPED_BYTES_PER_SECOND)
    lines.push(...(await measure(scene, '1 Gbit/s', rounds)))
  }
  const head = [
    `${megabytes} MB in 4 layers, containerd ${binary.version}`,
    'committed, s',
    '× direct',
    'unpacked, s',
    '× direct',
    'CPU-s of registry or mirrors',
    'of containerd',
  ]
  say(table(head, lines))
  if (unshaped !== false) say(`Skipped: links of 1 Gbit/s, because ${unshaped}.`)
}

function unlessPossible(): string | false {
  for (const program of ['ip', 'docker-registry']) {
    const skip = unlessInstalled(program)
    if (skip !== false) return skip
  }
  if (containerdBinaries().length === 0) return 'containerd is not installed'
  return isSandboxed() ? false : unlessSandbox()
}

const options = parseOptions()
const skip = unlessPossible()
if (skip !== false) say(`Skipped: ${skip}.`)
else if (isSandboxed()) {
  say(`${machine()} before; medians of ${options.rounds}.`)
  for (const binary of containerdBinaries()) await report(binary, options)
  say(`Load ${loadavg()[0]?.toFixed(1)} after.`)
} else enterSandbox()
