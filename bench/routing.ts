/**
 * How fast routing answers and what it costs: meshes of real nodes, a process each, on one machine. With many of them a
 * node waits for the CPU more than for the network. Medians of rounds.
 *
 * Run: npm run bench:routing [-- NODES|growth...]    (default: 5 20 growth; with 50 there is one round)
 */
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import type { DrivenNode } from '../test/interop/driven-node.ts'
import { DrivenMesh, until } from './driven-mesh.ts'
import { cpuMs, residentMiB } from './process-usage.ts'
import { GROWTH, growthRound } from './routing/growth.ts'
import { Batches, freshKeys } from './routing/keys.ts'
import { Figures, foundPercent, seconds } from './routing/measures.ts'
import { machine, median, quantile, table } from './statistics.ts'

const ROUNDS = 3
/** From so many nodes on one round has to do. */
const LARGE = 50
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
  const figures = new Figures()
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

async function rounds(count: number, run: () => Promise<Figures>): Promise<readonly Figures[]> {
  const done: Figures[] = []
  while (done.length < count) done.push(await run())
  return done
}

/** A table with the names of the figures in its first column. */
function figuresTable(head: readonly string[], columns: readonly ReadonlyMap<string, number>[]): string {
  const names = [...(columns[0]?.keys() ?? [])]
  const rows = names.map(name => [name].concat(columns.map(column => (column.get(name) ?? Number.NaN).toFixed(2))))
  return table(['', ...head], rows)
}

/** The median of each figure. */
function medians(all: readonly Figures[]): ReadonlyMap<string, number> {
  const names = [...(all[0]?.keys() ?? [])]
  return new Map(names.map(name => [name, median(all.map(each => each.get(name) ?? Number.NaN))]))
}

const wanted = process.argv.length > 2 ? process.argv.slice(2) : ['5', '20', 'growth']
const sizes = wanted.filter(each => each !== 'growth').map(Number)
const before = machine()
const columns: ReadonlyMap<string, number>[] = []
for (const size of sizes) columns.push(medians(await rounds(size < LARGE ? ROUNDS : 1, () => round(size))))
const grown = wanted.includes('growth') ? await rounds(ROUNDS, growthRound) : []
process.stdout.write(`${before} before; medians of ${ROUNDS} rounds, one from ${LARGE} nodes on.\n`)
if (columns.length > 0) {
  const head = sizes.map(size => `${size} nodes`)
  process.stdout.write(`\n${figuresTable(head, columns)}\n`)
}
if (grown.length > 0) {
  const name = `${GROWTH.by} join ${GROWTH.from} with ${GROWTH.keys} keys each`
  const head = grown.map((_, index) => `${name}, round ${index + 1}`)
  process.stdout.write(`\n${figuresTable(head, grown)}\n`)
}
