import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Cluster, startCluster } from './cluster.ts'
import { metric } from './node-state.ts'

const HOLDER = '127.0.0.1'
const ASKERS = ['127.0.0.2', '127.0.0.3', '127.0.0.4']
/** Requests of each asker once the holder is no member any more. */
const REQUESTS = 10

/** Asks every node but the holder for the layer; statuses and the longest wait. */
async function askAll(
  cluster: Cluster,
): Promise<{ readonly statuses: ReadonlySet<number>; readonly longestMs: number }> {
  const target = cluster.target('blobs', cluster.image.layer.digest)
  const answers = await Promise.all(
    ASKERS.map(async asker => {
      const startedAt = performance.now()
      const { status } = await fetch(cluster.node(asker).url + target, { method: 'HEAD' })
      return { status, ms: performance.now() - startedAt }
    }),
  )
  return { statuses: new Set(answers.map(({ status }) => status)), longestMs: Math.max(...answers.map(({ ms }) => ms)) }
}

async function failures(cluster: Cluster): Promise<readonly number[]> {
  return Promise.all(ASKERS.map(asker => metric(cluster.node(asker), 'spegel_peer_failures_total')))
}

/** Whether the holder is no member of any node any more. */
async function isLost(cluster: Cluster): Promise<boolean> {
  const members = await Promise.all(ASKERS.map(asker => metric(cluster.node(asker), 'spegel_peers')))
  return members.every(count => count === ASKERS.length - 1)
}

describe('a provider that everyone has just been served by', () => {
  for (const [signal, what] of [
    ['SIGKILL', 'is killed'],
    ['SIGSTOP', 'hangs'],
  ] as const) {
    test(`and that ${what} costs each asker one failed attempt at most, and is no member any more`, async t => {
      await using cluster = await startCluster({ hosts: [HOLDER, ...ASKERS], holders: [HOLDER], layerBytes: 1000 })
      for (const asker of ASKERS) await cluster.found(asker)
      const before = await failures(cluster)
      cluster.node(HOLDER).kill(signal)
      const waits: number[] = []
      // As long as it is a member, and for a while after that, when others still name it.
      for (let left = REQUESTS; left > 0; ) {
        const { statuses, longestMs } = await askAll(cluster)
        assert.deepEqual(statuses, new Set([404]))
        waits.push(longestMs)
        if (await isLost(cluster)) left -= 1
      }
      const after = await failures(cluster)
      const attempts = after.map((count, index) => count - (before[index] ?? 0))
      const longest = waits.toSorted((a, b) => b - a).slice(0, 3)
      t.diagnostic(
        `failed attempts ${attempts.join(', ')}; longest waits ${longest.map(ms => ms.toFixed(0)).join(', ')} ms`,
      )
      for (const count of attempts) assert.ok(count <= 1, `${count} attempts`)
    })
  }
})
