/**
 * What announcing costs in a large cluster, and whether lookups find what is there: a simulation in virtual time with the
 * product's placement, sweep and records. The network only counts; CPU is estimated from unit costs measured first.
 *
 * Run: npm run bench:scale [-- NODES...]    (default: 100 1000; 5000 takes some minutes)
 */
import process from 'node:process'
import { MAX_CONNECTED_MEMBERS, MAX_PROBES, PING_INTERVAL_MS } from '../src/routing/libp2p/member-keeper.ts'
import { seededRandom } from '../test/fakes/seeded-random.ts'
import { type SimulatedLookup, SimulatedMesh } from './scale/mesh.ts'
import type { Provider, Tally } from './scale/simulated-node.ts'
import { measureUnitCosts, type UnitCosts } from './scale/unit-costs.ts'
import { VirtualClock } from './scale/virtual-clock.ts'
import { machine, median, table } from './statistics.ts'

/** Nodes whose keys are simulated; those beyond are bystanders. */
const MAX_PROVIDERS = 100
const MINUTE_MS = 60_000
/** First announcements and the first round of refreshes are no part of the figures. */
const WARM_UP_MS = 16 * MINUTE_MS
/** Four rounds of refreshes: members that know enough holders of a key are spared it for three. */
const CALM_MS = 60 * MINUTE_MS
const CHURN_MS = 15 * MINUTE_MS
/** Share of the nodes that is replaced in a minute of churn. */
const CHURN = 0.01
const LOOKUPS_PER_MINUTE = 1000
/** Newcomers to a large mesh come to know it at a limited rate. */
const NEW_MS = 3 * MINUTE_MS
/** A small mesh grows at once, and keys are looked up this long after the last one joined. */
const GROWTH = { from: 10, to: 100, withinMs: 10_000, settledMs: 5000 }

type Row = readonly [name: string, value: string]

/** What a provider did on average in a second between two moments, and what that cost it and those it talked to. */
function rates(before: ReadonlyMap<Provider, Tally>, ms: number) {
  const perSecond = (count: (tally: Tally) => number): number => {
    const counts = [...before].map(([{ node }, tally]) => count(node.tally) - count(tally))
    return counts.reduce((sum, each) => sum + each, 0) / counts.length / (ms / 1000)
  }
  return {
    dials: perSecond(tally => tally.recordDials),
    messages: perSecond(tally => tally.messages),
    records: perSecond(tally => tally.records),
  }
}

/** Each node receives as much as it sends on average, and costs are those of one side. */
function cpuPercent({ dials, messages, records }: ReturnType<typeof rates>, costs: UnitCosts): number {
  return (2 * (dials * costs.connectionMs + messages * costs.messageMs + records * costs.recordMs)) / 10
}

/** A mesh too large to be connected to all members is probed by TCP connections instead. */
function probingPercent(nodes: number, { probeMs }: UnitCosts): number {
  const probes = nodes > MAX_CONNECTED_MEMBERS ? Math.min(nodes, MAX_PROBES) : 0
  return (100 * 2 * probes * probeMs) / PING_INTERVAL_MS
}

function snapshot(mesh: SimulatedMesh): ReadonlyMap<Provider, Tally> {
  return new Map(mesh.providers.map(provider => [provider, { ...provider.node.tally }]))
}

async function phase(mesh: SimulatedMesh, ms: number, replaced: number) {
  const before = snapshot(mesh)
  const lookups: SimulatedLookup[] = []
  for (let passedMs = 0; passedMs < ms; passedMs += MINUTE_MS) {
    await mesh.pass(MINUTE_MS, { replaced })
    for (let count = 0; count < LOOKUPS_PER_MINUTE; count++) lookups.push(mesh.lookup())
  }
  const survivors = new Map([...before].filter(([{ node }]) => node.alive))
  const asked = lookups.reduce((sum, lookup) => sum + lookup.asked, 0) / lookups.length
  const old = lookups.filter(({ youngestMs }) => youngestMs >= NEW_MS)
  return { ...rates(survivors, ms), found: foundPercent(lookups), foundOld: foundPercent(old), asked }
}

function foundPercent(lookups: readonly SimulatedLookup[]): number {
  return (100 * lookups.filter(({ found }) => found).length) / lookups.length
}

/** Which share of lookups hits shortly after a small mesh has grown at once. */
async function growth(): Promise<number> {
  const clock = new VirtualClock()
  const mesh = new SimulatedMesh({ clock, random: seededRandom() }, { nodes: GROWTH.from, providers: GROWTH.from })
  mesh.start()
  await mesh.pass(MINUTE_MS)
  mesh.grow(GROWTH.to - GROWTH.from, GROWTH.withinMs)
  await clock.pass(GROWTH.withinMs + GROWTH.settledMs)
  return foundPercent(Array.from({ length: LOOKUPS_PER_MINUTE }, () => mesh.lookup()))
}

async function simulate(nodes: number, costs: UnitCosts): Promise<readonly Row[]> {
  const startedAt = performance.now()
  const providers = Math.min(nodes, MAX_PROVIDERS)
  const clock = new VirtualClock()
  const mesh = new SimulatedMesh({ clock, random: seededRandom(nodes) }, { nodes, providers })
  mesh.start()
  await mesh.pass(WARM_UP_MS)
  const calm = await phase(mesh, CALM_MS, 0)
  const records = mesh.recordCounts()
  const connections = mesh.connectionCounts()
  const churn = await phase(mesh, CHURN_MS, nodes * CHURN)
  return [
    ['providers simulated', String(providers)],
    ['records kept by a node, median', median(records).toFixed(0)],
    ['… by the one with most', Math.max(...records).toFixed(0)],
    ['connections held by a node, median', median(connections).toFixed(0)],
    ['… by the one with most', Math.max(...connections).toFixed(0)],
    ...phaseRows('refreshing', calm, costs),
    ...phaseRows('1 % churn a minute', churn, costs),
    ['probing members: CPU, % of a core', probingPercent(nodes, costs).toFixed(2)],
    ['simulated in, s', ((performance.now() - startedAt) / 1000).toFixed(0)],
  ]
}

function phaseRows(name: string, figures: Awaited<ReturnType<typeof phase>>, costs: UnitCosts): readonly Row[] {
  return [
    [`${name}: messages sent a second`, figures.messages.toFixed(2)],
    [`${name}: records in one`, (figures.records / figures.messages).toFixed(1)],
    [`${name}: connections dialled a second`, figures.dials.toFixed(2)],
    [`${name}: CPU, % of a core`, cpuPercent(figures, costs).toFixed(2)],
    [`${name}: lookups that find, %`, figures.found.toFixed(3)],
    [`${name}: … of keys of, and by, nodes that are not new, %`, figures.foundOld.toFixed(3)],
    [`${name}: members asked by one`, figures.asked.toFixed(1)],
  ]
}

function us(ms: number): string {
  return `${(1000 * ms).toFixed(0)} µs`
}

const sizes = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [100, 1000]
const costs = await measureUnitCosts()
const grown = await growth()
const columns: (readonly Row[])[] = []
for (const size of sizes) columns.push(await simulate(size, costs))
const rows = columns[0]?.map(([name], index) => [name].concat(columns.map(column => column[index]?.[1] ?? ''))) ?? []
process.stdout.write(
  `${[
    `${machine()}. CPU of one side: ${costs.connectionMs.toFixed(1)} ms a connection, ${us(costs.messageMs)} a message, ${us(costs.recordMs)} a record, ${us(costs.probeMs)} a probe.`,
    `From ${GROWTH.from} to ${GROWTH.to} nodes within ${GROWTH.withinMs / 1000} s: ${grown.toFixed(2)} % of lookups find ${GROWTH.settledMs / 1000} s later.`,
    '',
    table(['', ...sizes.map(size => `${size} nodes`)], rows),
  ].join('\n')}\n`,
)
