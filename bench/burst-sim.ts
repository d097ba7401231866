/**
 * A new image starts on all nodes at once: how often it is fetched from upstream, and when the last node has it. The
 * coordinators, trees and claimants are the product's, in virtual time; the network, containerd and deaths are modelled.
 *
 * Run: npm run bench:burst-sim [-- NODES...]    (default: 10 100 1000)
 */
import process from 'node:process'
import { measureClaim } from './burst-sim/claim-cost.ts'
import { boundMs, type Conditions, IMAGE, IMAGE_BYTES, MB } from './burst-sim/conditions.ts'
import { type CoalescedOutcome, type Outcome, runCoalesced, runDirect, runSwarm } from './burst-sim/runs.ts'
import { machine, quantile, table } from './statistics.ts'

/** With deaths, chance decides much: so many bursts are run, and their figures averaged. */
const ROUNDS = 3
/** Which link limits, upstream's or each node's, and which shares of the nodes die. */
const LIMITS = [
  { name: 'upstream', upstreamRate: 10 * MB, shares: [0, 0.05, 0.1] },
  { name: 'node', upstreamRate: 1000 * MB, shares: [0, 0.05] },
]

function mean<T>(of: readonly T[], figure: (one: T) => number): string {
  return (of.reduce((sum, one) => sum + figure(one), 0) / of.length).toFixed(2)
}

/** Completion, as a multiple of the bound: of the median node, of 99 % and of the last. */
function completion(outcomes: readonly Outcome[], conditions: Conditions): readonly string[] {
  return [0.5, 0.99, 1].map(fraction =>
    mean(outcomes, ({ finishedMs }) => quantile(finishedMs, fraction) / boundMs(conditions)),
  )
}

function survived(outcomes: readonly Outcome[]): string {
  return mean(outcomes, ({ survivors, finishedMs }) => (100 * finishedMs.length) / survivors)
}

function uploaded(outcomes: readonly Outcome[]): string {
  return Math.max(...outcomes.map(({ uploadedBytes }) => uploadedBytes / IMAGE_BYTES)).toFixed(2)
}

function count(outcomes: readonly CoalescedOutcome[], name: string): string {
  return mean(outcomes, outcome => outcome.outcomes.get(name) ?? 0)
}

const HEAD = [
  'limit, nodes, dying',
  'way',
  'p50',
  'p99',
  'last',
  'complete, %',
  'upstream fetches a blob',
  'upstream bytes',
  'most sent by a node',
  'claims a node',
  'moved / alone / given up',
  'coordinator CPU, ms',
]

async function directRow(label: string, conditions: Conditions): Promise<readonly string[]> {
  const nodes = String(conditions.nodes)
  const outcome = await runDirect(conditions)
  return [label, 'direct', ...completion([outcome], conditions), survived([outcome]), nodes, nodes, '0', '', '', '']
}

async function rows(name: string, conditions: Conditions): Promise<readonly (readonly string[])[]> {
  const seeds = Array.from({ length: conditions.failing === 0 ? 1 : ROUNDS }, (_, index) => index + 1)
  const label = `${name}, ${conditions.nodes}, ${100 * conditions.failing} %`
  const coalesced: CoalescedOutcome[] = []
  const swarm: Outcome[] = []
  for (const seed of seeds) coalesced.push(await runCoalesced({ ...conditions, seed }))
  for (const seed of seeds.slice(0, 1)) swarm.push(await runSwarm({ ...conditions, seed }))
  return [
    [
      label,
      'coalesced',
      ...completion(coalesced, conditions),
      survived(coalesced),
      mean(coalesced, ({ fetches }) => fetches.reduce((sum, each) => sum + each, 0) / IMAGE.length),
      mean(coalesced, ({ upstreamBytes }) => upstreamBytes / IMAGE_BYTES),
      uploaded(coalesced),
      mean(coalesced, ({ claims }) => claims / conditions.nodes),
      `${count(coalesced, 'moved')} / ${count(coalesced, 'alone')} / ${count(coalesced, 'given_up')}`,
      mean(coalesced, ({ coordinatorMs }) => coordinatorMs),
    ],
    [label, 'swarm', ...completion(swarm, conditions), survived(swarm), '1', '1', uploaded(swarm), '', '', ''],
    ...(conditions.failing === 0 ? [await directRow(label, conditions)] : []),
  ]
}

const sizes = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [10, 100, 1000]
const claimMs = await measureClaim()
const results: (readonly string[])[] = []
const startedAt = performance.now()
for (const { name, upstreamRate, shares } of LIMITS) {
  for (const nodes of sizes) {
    for (const failing of shares) {
      const network = { upstreamRate, nodeRate: 125 * MB, latencyMs: 0.25, upstreamLatencyMs: 50 }
      results.push(...(await rows(name, { nodes, failing, spreadMs: 1000, claimMs, seed: 1, ...network })))
    }
  }
}
process.stdout.write(
  `${[
    `${machine()}. A claim costs each side ${claimMs.toFixed(2)} ms. Took ${((performance.now() - startedAt) / 1000).toFixed(0)} s.`,
    '',
    table(HEAD, results),
  ].join('\n')}\n`,
)
