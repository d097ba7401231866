/**
 * How fast routing answers and what it costs: meshes of real nodes, a process each, on one machine. With many of them a
 * node waits for the CPU more than for the network. Medians of rounds.
 *
 * Run: npm run bench:routing [-- NODES...]    (default: 5 20; with 50 a round takes a minute)
 */
import { randomUUID } from 'node:crypto'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import type { DrivenNode } from '../test/interop/driven-node.ts'
import { DrivenMesh, until } from './driven-mesh.ts'
import { cpuMs, residentMiB } from './process-usage.ts'
import { machine, median, quantile, table } from './statistics.ts'

const ROUNDS = 3
/** Keys of the one node that provides some. */
const KEYS = 10_000
const LOOKUPS = 1000
/** Keys that a node looks for to see whether it finds all of them. */
const PROBED_KEYS = 200
/** Few, for looking whether they are gone takes time itself. */
const WITHDRAWN_KEYS = 3
/** One of so many nodes is killed, and then replaced. */
const CHURN = 5
/** Until then nodes ask more members than usual, for records may be on their way. */
const SETTLE_MS = 15_000

/** Figures of one round by what they tell, in the order of the rows. */
type Figures = Map<string, number>

function freshKeys(count: number): readonly string[] {
  return Array.from({ length: count }, () => `sha256:${randomUUID().replaceAll('-', '').repeat(2)}`)
}

/** Keys that no one has looked up before, so that no cache knows them: each batch is another part of the list. */
class Batches {
  readonly #keys: readonly string[]
  #taken = 0

  constructor(keys: readonly string[]) {
    this.#keys = keys
  }

  next(count: number): readonly string[] {
    this.#taken = this.#taken + count > this.#keys.length ? count : this.#taken + count
    return this.#keys.slice(this.#taken - count, this.#taken)
  }
}

async function seconds(action: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await action()
  return (performance.now() - started) / 1000
}

/** How many of `keys` a node finds, in percent. */
async function foundPercent(node: DrivenNode, keys: readonly string[]): Promise<number> {
  const holders = await node.find(keys)
  return (100 * holders.filter(each => each.length > 0).length) / keys.length
}

/** The least that any of `nodes` finds. */
async function leastFound(nodes: readonly DrivenNode[], keys: Batches): Promise<number> {
  const found: number[] = []
  for (const node of nodes) found.push(await foundPercent(node, keys.next(PROBED_KEYS)))
  return Math.min(...found)
}

/** Lookups one after the other, the nodes taking turns. */
async function lookupTimes(nodes: readonly DrivenNode[], keys: Batches): Promise<readonly number[]> {
  const times: number[] = []
  for (const node of nodes) times.push(...(await node.measure(keys.next(Math.ceil(LOOKUPS / nodes.length)))))
  return times
}

async function measureProvide(mesh: DrivenMesh, keys: readonly string[], figures: Figures): Promise<void> {
  const [provider, ...others] = mesh.nodes
  if (provider === undefined) throw new Error('no node')
  const before = await cpuMs(provider.pid)
  figures.set(`provide ${KEYS} keys, s`, await seconds(() => provider.provide(keys)))
  figures.set('… CPU of the provider, s', ((await cpuMs(provider.pid)) - before) / 1000)
  figures.set('… then found by the node that finds least, %', await leastFound(others, new Batches(keys)))
}

async function measureLookups(others: readonly DrivenNode[], keys: Batches, figures: Figures): Promise<void> {
  const hits = await lookupTimes(others, keys)
  figures.set('hit p50, ms', quantile(hits, 0.5)).set('hit p99, ms', quantile(hits, 0.99))
  const misses = await lookupTimes(others, new Batches(freshKeys(2 * LOOKUPS)))
  figures.set('miss p50, ms', quantile(misses, 0.5)).set('miss p99, ms', quantile(misses, 0.99))
}

async function measureChurn(mesh: DrivenMesh, keys: Batches, figures: Figures): Promise<void> {
  const count = Math.ceil(mesh.nodes.length / CHURN)
  await mesh.shrink(count)
  const [found, knownAfter] = await Promise.all([leastFound(mesh.nodes.slice(1), keys), seconds(() => mesh.complete())])
  figures.set('one in five killed: found at once by the node that finds least, %', found)
  figures.set('… known to all after, s', knownAfter)
  let newcomers: readonly DrivenNode[] = []
  figures.set('as many started: listening after, s', await seconds(async () => (newcomers = await mesh.grow(count))))
  const findAll = async (): Promise<void> => {
    for (const node of newcomers) await until(async () => (await foundPercent(node, keys.next(PROBED_KEYS))) === 100)
  }
  figures.set('… then they find everything after, s', await seconds(findAll))
}

async function measureWithdrawal(mesh: DrivenMesh, keys: readonly string[], figures: Figures): Promise<void> {
  const [provider, ...others] = mesh.nodes
  if (provider === undefined) throw new Error('no node')
  const withdrawn = keys.slice(0, WITHDRAWN_KEYS)
  // So that they have the answer in their caches.
  for (const node of others) await foundPercent(node, withdrawn)
  const findNone = async (): Promise<void> => {
    await provider.withdraw(withdrawn)
    await Promise.all(others.map(node => until(async () => (await foundPercent(node, withdrawn)) === 0)))
  }
  figures.set(`${WITHDRAWN_KEYS} keys withdrawn: found by nobody after, s`, await seconds(findNone))
}

async function round(size: number): Promise<Figures> {
  const figures: Figures = new Map()
  const keys = freshKeys(KEYS)
  const batches = new Batches(keys.toReversed())
  await using mesh = await DrivenMesh.start(size)
  figures.set('all started, know each other after, s', await seconds(() => mesh.complete()))
  await delay(SETTLE_MS)
  await measureProvide(mesh, keys, figures)
  await measureLookups(mesh.nodes.slice(1), batches, figures)
  figures.set('RSS of a node, MiB', median(await Promise.all(mesh.nodes.map(node => residentMiB(node.pid)))))
  await measureChurn(mesh, batches, figures)
  await measureWithdrawal(mesh, keys, figures)
  return figures
}

const sizes = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [5, 20]
const columns: Figures[][] = []
for (const size of sizes) {
  const rounds: Figures[] = []
  while (rounds.length < ROUNDS) rounds.push(await round(size))
  columns.push(rounds)
}
const names = [...(columns[0]?.[0]?.keys() ?? [])]
const rows = names.map(name =>
  [name].concat(columns.map(rounds => median(rounds.map(each => each.get(name) ?? Number.NaN)).toFixed(2))),
)
process.stdout.write(
  `${machine()}; medians of ${ROUNDS}.\n\n${table(['', ...sizes.map(size => `${size} nodes`)], rows)}\n`,
)
