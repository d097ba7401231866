import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { base58btc } from 'multiformats/bases/base58'
import type { Digest } from '../../../src/oci/digest.ts'
import { compareDistance, positionOf, recordKey } from '../../../src/routing/libp2p/record-key.ts'
import { until } from '../../until.ts'
import {
  assertFetched,
  assertHold,
  fetching,
  inTime,
  lastLayer,
  MEGABYTE,
  pullAll,
  pushSlowly,
} from './burst-cluster.ts'
import { e2e } from './e2e.ts'
import type { E2eNode } from './e2e-node.ts'
import type { UpstreamRequest } from './upstream/fault.ts'

const OUTAGE_MS = 10_000
/** Room for what containerd keeps beside content, and for the smaller layers. */
const SMALL_DISK_BYTES = 7 * MEGABYTE

e2e('a node whose pull is cancelled costs the others one more fetch at most', {}, async ({ upstream, nodes }) => {
  const image = await pushSlowly(upstream)
  const cancels = new Map(nodes.map(node => [node, new AbortController()]))
  const pulls = new Map(nodes.map(node => [node, node.pull(image.name, { signal: signalOf(cancels, node) })]))
  const { root, others } = await fetching(upstream, image, nodes)
  cancels.get(root)?.abort()
  await inTime(pulls, others, { image })
  await assertHold(image, others)
  assertFetched(upstream, image, { most: 2 })
})

for (const [what, programs] of [
  ['mirror', ({ spegel }: E2eNode) => [spegel.program]],
  ['mirror and containerd', ({ programs }: E2eNode) => programs],
] as const) {
  e2e(`the frozen ${what} of a node that fetches cost one more fetch at most`, {}, async ({ upstream, nodes }) => {
    const image = await pushSlowly(upstream)
    const pulls = pullAll(image, nodes)
    const { root, others } = await fetching(upstream, image, nodes)
    for (const program of programs(root)) program.signal('SIGSTOP')
    try {
      await inTime(pulls, others, { image })
    } finally {
      for (const program of programs(root)) program.signal('SIGCONT')
    }
    await inTime(pulls, nodes, { image })
    await assertHold(image, nodes)
    assertFetched(upstream, image, { most: 2 })
  })
}

e2e('a burst outlives the death of its coordinator', { nodes: 4 }, async ({ upstream, nodes }) => {
  const image = await pushSlowly(upstream)
  const pulls = pullAll(image, nodes)
  await fetching(upstream, image, nodes)
  const coordinator = coordinatorOf(lastLayer(image), nodes)
  const others = nodes.filter(node => node !== coordinator)
  await Promise.all([coordinator.containerd.stop('SIGKILL'), coordinator.spegel.program[Symbol.asyncDispose]()])
  await inTime(pulls, others, { image })
  await assertHold(image, others)
  assertFetched(upstream, image, { most: 2 })
})

e2e('a burst outlives a coordinator that is frozen before it begins', { nodes: 4 }, async ({ upstream, nodes }) => {
  const image = await pushSlowly(upstream)
  const coordinator = coordinatorOf(lastLayer(image), nodes)
  const others = nodes.filter(node => node !== coordinator)
  coordinator.spegel.program.signal('SIGSTOP')
  await inTime(pullAll(image, others), others, { image })
  await assertHold(image, others)
  assertFetched(upstream, image, { most: 2 })
  coordinator.spegel.program.signal('SIGCONT')
})

e2e('a burst outlives ten seconds in which nothing comes from upstream', {}, async ({ upstream, nodes }) => {
  const image = await pushSlowly(upstream)
  const pulls = pullAll(image, nodes)
  await fetching(upstream, image, nodes)
  for (const { host } of nodes) await host.dropBetween([upstream.address])
  await delay(OUTAGE_MS)
  for (const { host } of nodes) await host.heal()
  await inTime(pulls, nodes, { image })
  await assertHold(image, nodes)
})

e2e('pulls that an upstream that is down fails are right once it is back', {}, async ({ upstream, nodes }) => {
  const image = await pushSlowly(upstream)
  const pulls = pullAll(image, nodes)
  await fetching(upstream, image, nodes)
  await upstream.stop()
  await delay(OUTAGE_MS)
  await upstream.start()
  const failed = await failuresOf(pulls)
  const again = pullAll(image, failed)
  await inTime(again, failed, { image })
  await assertHold(image, nodes)
})

e2e('two halves that lose each other pull on, each for itself', { nodes: 4 }, async ({ upstream, nodes }) => {
  const image = await pushSlowly(upstream)
  const pulls = pullAll(image, nodes)
  await fetching(upstream, image, nodes)
  const [a, b, c, d] = nodes
  const others = [c, d].map(({ host }) => host.address)
  for (const { host } of [a, b]) await host.dropBetween(others)
  await inTime(pulls, nodes, { image })
  for (const { host } of [a, b]) await host.heal()
  await assertHold(image, nodes)
  assertFetched(upstream, image, { most: 3 })
})

const smallDisk = { diskBytesOf: [SMALL_DISK_BYTES] }
e2e('a node whose disk is full costs the others one more fetch at most', smallDisk, async ({ upstream, nodes }) => {
  const image = await pushSlowly(upstream)
  const [full, ...others] = nodes
  const failed = assert.rejects(full.pull(image.name))
  await until(() => upstream.requestsOf(lastLayer(image)).length > 0)
  const pulls = pullAll(image, others)
  await failed
  await inTime(pulls, others, { image })
  await assertHold(image, others)
  assertFetched(upstream, image, { most: 2 })
})

e2e('one wrong byte from upstream fails each node once at most, and is held against none', {}, async cluster => {
  const { upstream, nodes } = cluster
  const image = await pushSlowly(upstream)
  const layer = lastLayer(image)
  const isFirst = ({ reference }: UpstreamRequest): boolean =>
    reference === layer && upstream.requestsOf(layer).length === 1
  using _fault = upstream.inject({ kind: 'corrupt', atByte: 2 * MEGABYTE }, isFirst)
  const failed = await failuresOf(pullAll(image, nodes))
  assert.notEqual(failed.length, 0)
  // containerd drops what is wrong a moment after it said so, and kubelet does not try again before that.
  for (const { containerd } of failed) await until(async () => (await containerd.downloads()).size === 0)
  await inTime(pullAll(image, failed), failed, { image })
  await assertHold(image, nodes)

  const other = await pushSlowly(upstream, 'team/other')
  await Promise.all(pullAll(other, nodes).values())
  assertFetched(upstream, other, { most: 1 })
})

/** The node that is closest to `digest`. */
function coordinatorOf(digest: Digest, nodes: readonly E2eNode[]): E2eNode {
  const { position } = recordKey(digest)
  const placed = nodes.map(node => ({ node, position: positionOf(base58btc.decode(`z${peerIdOf(node)}`)) }))
  const [closest] = placed.toSorted((a, b) => compareDistance(position, a.position, b.position))
  assert.ok(closest !== undefined)
  return closest.node
}

function peerIdOf({ spegel }: E2eNode): string {
  const line = spegel.log.find(({ msg }) => msg === 'router listens')
  assert.ok(typeof line?.['peer'] === 'string')
  return line['peer']
}

function signalOf(controllers: ReadonlyMap<E2eNode, AbortController>, node: E2eNode): AbortSignal {
  return controllers.get(node)?.signal ?? AbortSignal.abort()
}

/** The nodes whose pulls failed, once all have ended. */
async function failuresOf(pulls: ReadonlyMap<E2eNode, Promise<void>>): Promise<readonly E2eNode[]> {
  const failed = await Promise.all(
    [...pulls].map(
      async ([node, pulled]) =>
        await pulled.then(
          () => [],
          () => [node],
        ),
    ),
  )
  return failed.flat()
}
