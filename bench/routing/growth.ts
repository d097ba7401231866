import { setTimeout as delay } from 'node:timers/promises'
import type { DrivenNode } from '../../test/interop/driven-node.ts'
import { DrivenMesh, until } from '../driven-mesh.ts'
import { residentMiB } from '../process-usage.ts'
import { median } from '../statistics.ts'
import { Batches, freshKeys } from './keys.ts'
import { Figures, foundPercent } from './measures.ts'

/** What a mesh grows by while its first nodes hold keys. */
export const GROWTH = { from: 10, by: 20, withinMs: 10_000, keys: 3000 } as const
/** Until then nodes ask more members than usual, for records may be on their way. */
const SETTLE_MS = 15_000
/** When lookups are to hit again, after the last node has joined. */
const CALM_MS = 5000
/** Keys of each provider that a node looks for at a time. */
const PROBED_KEYS = 5
/** One straight after the other, so that they cover the time from {@link CALM_MS} on. */
const WAVES = 3

interface Provider {
  readonly node: DrivenNode
  readonly keys: Batches
}

/** Each node looks for some keys of every provider but itself. @returns what each finds, in percent */
async function wave(nodes: readonly DrivenNode[], providers: readonly Provider[]): Promise<readonly number[]> {
  const found: number[] = []
  for (const node of nodes) {
    const others = providers.filter(provider => provider.node !== node)
    found.push(
      await foundPercent(
        node,
        others.flatMap(({ keys }) => keys.next(PROBED_KEYS)),
      ),
    )
  }
  return found
}

/** Starts the newcomers one after the other, spread over {@link GROWTH}.withinMs; resolves once each has a member. */
async function grow(mesh: DrivenMesh): Promise<void> {
  await Promise.all(
    Array.from({ length: GROWTH.by }, async (_, index) => {
      await delay((index * GROWTH.withinMs) / GROWTH.by)
      const [node] = await mesh.grow(1)
      await until(async () => (await node?.members())?.length !== 0)
    }),
  )
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Lookups in a mesh of few nodes, full of keys, that many more join within seconds. */
export async function growthRound(): Promise<Figures> {
  const figures = new Figures()
  await using mesh = await DrivenMesh.start(GROWTH.from)
  await mesh.complete()
  await delay(SETTLE_MS)
  const providers: Provider[] = []
  for (const node of mesh.nodes) {
    const keys = freshKeys(GROWTH.keys)
    await node.provide(keys)
    providers.push({ node, keys: new Batches(keys) })
  }
  const begunAt = performance.now()
  await grow(mesh)
  const joinedAt = performance.now()
  figures.set('all have joined after, s', (joinedAt - begunAt) / 1000)
  await delay(joinedAt + CALM_MS - performance.now())
  const found: number[][] = []
  while (found.length < WAVES) found.push([...(await wave(mesh.nodes, providers))])
  figures.set('… and after so many more the lookups were over, s', (performance.now() - joinedAt) / 1000)
  figures.set('hits, %', mean(found.flat()))
  figures.set('… in the first round through all nodes, %', mean(found[0] ?? []))
  figures.set(
    '… of the node with fewest, %',
    Math.min(...mesh.nodes.map((_, index) => mean(found.map(each => each[index] ?? 0)))),
  )
  figures.set('RSS of a node, MiB', median(await Promise.all(mesh.nodes.map(node => residentMiB(node.pid)))))
  return figures
}
