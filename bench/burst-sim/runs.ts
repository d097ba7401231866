import { createLog } from '../../src/observability/log.ts'
import { createMetrics } from '../../src/observability/metrics.ts'
import { seededRandom } from '../../test/fakes/seeded-random.ts'
import { Cluster } from './cluster.ts'
import { CoalescedPulls } from './coalesced.ts'
import { boundMs, type Conditions, IMAGE } from './conditions.ts'
import { EventClock } from './event-clock.ts'
import { Link, Network } from './network.ts'
import { pullImage } from './pull.ts'
import { SwarmPulls } from './swarm.ts'

/** One burst, as it went. Times from its begin on, of nodes that survived it. */
export interface Outcome {
  readonly survivors: number
  readonly finishedMs: readonly number[]
  /** Of the node that sent most. */
  readonly uploadedBytes: number
}

export interface CoalescedOutcome extends Outcome {
  /** Requests to upstream for each blob. */
  readonly fetches: readonly number[]
  readonly upstreamBytes: number
  readonly claims: number
  /** How often a request came to each end, such as `moved`. */
  readonly outcomes: ReadonlyMap<string, number>
  /** CPU time of the node that took most claims. */
  readonly coordinatorMs: number
}

/** Starts each node's pull at a random moment, and ends some of them at another. */
function schedule<T>(
  { clock, random }: { readonly clock: EventClock; readonly random: () => number },
  conditions: Conditions,
  {
    nodes,
    pull,
    die,
  }: { nodes: readonly T[]; pull: (node: T) => Promise<void>; die: (node: T, isReset: boolean) => void },
): { readonly dead: ReadonlySet<T>; readonly finishedMs: number[] } {
  const dead = new Set<T>()
  const finishedMs: number[] = []
  const run = async (node: T, startMs: number): Promise<void> => {
    await clock.sleep(startMs)
    if (dead.has(node)) return
    await pull(node)
    if (!dead.has(node)) finishedMs.push(clock.now())
  }
  for (const node of nodes) {
    if (random() < conditions.failing) {
      const isReset = random() < 0.5
      clock.after(random() * boundMs(conditions), () => {
        dead.add(node)
        die(node, isReset)
      })
    }
    void run(node, random() * conditions.spreadMs)
  }
  return { dead, finishedMs }
}

/** All pull by the product's own rules. */
export async function runCoalesced(conditions: Conditions): Promise<CoalescedOutcome> {
  const clock = new EventClock()
  const cluster = new Cluster(clock, conditions)
  const metrics = createMetrics()
  const pulls = new CoalescedPulls({ cluster, network: new Network(clock), metrics, log: createLog('ERROR') })
  const { machines } = cluster
  const { dead, finishedMs } = schedule({ clock, random: seededRandom(conditions.seed) }, conditions, {
    nodes: machines,
    pull: machine => pulls.pull(machine),
    die: (machine, isReset) => pulls.die(machine, isReset ? 'reset' : 'silent'),
  })
  await clock.run()
  const { values } = await metrics.coalesce.get()
  return {
    survivors: machines.length - dead.size,
    finishedMs,
    uploadedBytes: Math.max(...machines.map(machine => machine.uploadedBytes)),
    fetches: IMAGE.map(({ digest }) => pulls.upstreamFetches.get(digest) ?? 0),
    upstreamBytes: pulls.upstreamBytes,
    claims: machines.reduce((sum, { claimsSent }) => sum + claimsSent, 0),
    outcomes: new Map(values.map(({ labels, value }) => [String(labels.outcome), value])),
    coordinatorMs: Math.max(...machines.map(({ claimsTaken }) => claimsTaken)) * conditions.claimMs,
  }
}

/** All pull from upstream, each for itself. */
export async function runDirect(conditions: Conditions): Promise<Outcome> {
  const clock = new EventClock()
  const network = new Network(clock)
  const upstream = new Link(conditions.upstreamRate)
  const { finishedMs } = schedule(
    { clock, random: seededRandom(conditions.seed) },
    { ...conditions, failing: 0 },
    {
      nodes: Array.from({ length: conditions.nodes }, () => new Link(conditions.nodeRate)),
      die: () => {},
      pull: down =>
        pullImage(async ({ size }) => {
          await clock.sleep(conditions.upstreamLatencyMs)
          const { promise, resolve } = clock.promise<void>()
          network.start([upstream, down], size, resolve)
          await promise
        }),
    },
  )
  await clock.run()
  return { survivors: conditions.nodes, finishedMs, uploadedBytes: 0 }
}

/** All pull by swapping chunks. */
export async function runSwarm(conditions: Conditions): Promise<Outcome> {
  const clock = new EventClock()
  const random = seededRandom(conditions.seed)
  const pulls = new SwarmPulls({ clock, network: new Network(clock), random }, conditions)
  const { dead, finishedMs } = schedule({ clock, random }, conditions, {
    nodes: pulls.nodes,
    pull: node => pulls.pull(node),
    die: (node, isReset) => pulls.die(node, isReset),
  })
  await clock.run()
  return {
    survivors: pulls.nodes.length - dead.size,
    finishedMs,
    uploadedBytes: Math.max(...pulls.nodes.map(node => node.uploadedBytes)),
  }
}
