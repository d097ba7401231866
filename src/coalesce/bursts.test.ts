import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../test/fakes/manual-clock.ts'
import { MemoryLog } from '../../test/fakes/memory-log.ts'
import { MemoryMesh } from '../../test/fakes/memory-router.ts'
import { createMetrics } from '../observability/metrics.ts'
import { digestOf } from '../oci/digest.ts'
import type { Peer } from '../routing/router.ts'
import { Bursts } from './bursts.ts'
import type { Claim } from './claim.ts'
import { ClaimDesk } from './claim-desk.ts'
import { ClaimTakers } from './claim-takers.ts'
import { Claimant } from './claimant.ts'
import { Coordinator } from './coordinator.ts'

const DIGEST = digestOf(Buffer.from('layer'))
const MIB = 1024 * 1024
const signal = AbortSignal.timeout(10_000)

function peer(index: number): Peer {
  return { id: `peer ${index}`, registry: { host: `10.0.0.${index}`, port: 5000 } }
}

/** A node that is pulling, and whose claims are answered with one parent after the other. */
async function scene() {
  const clock = new ManualClock()
  const mesh = new MemoryMesh()
  const routers = Array.from({ length: 12 }, (_, index) => mesh.join(peer(index)))
  const router = routers.find(it => it.closest(DIGEST, 12, { nearerThanSelf: true }).length === 11)
  assert.ok(router !== undefined)
  const claims: Claim[] = []
  const parents = router.list()
  const takers = new ClaimTakers({ clock, members: router })
  const claimant = new Claimant({
    members: router,
    takers,
    desk: new ClaimDesk({
      clock,
      coordinator: new Coordinator({ clock, isLive: () => true, closer: () => undefined }),
    }),
    sender: {
      async send(_to, claim) {
        const parent = parents[claims.length % parents.length]
        assert.ok(parent !== undefined)
        claims.push(claim)
        return { outcome: 'follow', parents: [parent.id], depth: 1 }
      },
    },
  })
  const growing = { size: 1, read: async () => 0, waitPast: async () => 'stalled' as const, close: async () => {} }
  const inProgress = { find: async () => growing, sizeOf: async () => growing.size }
  const metrics = createMetrics()
  const log = new MemoryLog()
  const components = { inProgress, claimant, metrics, log, now: () => clock.now() }
  const bursts = new Bursts(components, { waitMs: 2000 })
  const part = await bursts.join(DIGEST, 0, { signal })
  assert.ok(part !== undefined)
  return { clock, bursts, part, claims, metrics, log }
}

test('a request whose parents bring nothing gives up after four claims, and the next ones for ten seconds', async () => {
  const { clock, bursts, part, claims } = await scene()
  for (let count = 0; count < 4; count += 1) {
    const parent = await part.next(MIB - 1, { signal })
    assert.ok(parent !== undefined)
    part.blame(parent, 'lost')
  }
  assert.equal(await part.next(MIB - 1, { signal }), undefined)
  assert.equal(claims.length, 4)
  assert.equal(await bursts.join(DIGEST, 0, { signal }), undefined)
  clock.advance(10_000)
  assert.notEqual(await bursts.join(DIGEST, 0, { signal }), undefined)
})

test('a parent that upstream outpaces is counted and named in the log', async () => {
  const { part, metrics, log } = await scene()
  const parent = await part.next(0, { signal })
  assert.ok(parent !== undefined)
  part.outpace(parent)
  const { values } = await metrics.coalesce.get()
  assert.equal(values.find(({ labels }) => labels.outcome === 'outpaced')?.value, 1)
  assert.deepEqual(log.lines.at(-1)?.fields, { digest: DIGEST, parent: parent.peer.id })
})

test('a request that each parent brings further outlives any number of them, and names the last eight', async () => {
  const { part, claims } = await scene()
  const followed: string[] = []
  for (let count = 0; count < 11; count += 1) {
    const parent = await part.next(count * MIB, { signal })
    assert.ok(parent !== undefined)
    part.blame(parent, 'lost')
    followed.push(parent.peer.id)
  }
  assert.deepEqual(claims.at(-1)?.lost, followed.slice(2, 10))
})

test('a request that has waited as long as it may makes no further claim', async () => {
  const { part, claims } = await scene()
  assert.notEqual(await part.next(0, { signal }), undefined)
  part.addWait(2000)
  assert.equal(await part.next(MIB, { signal }), undefined)
  assert.equal(claims.length, 1)
})
