import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../test/fakes/manual-clock.ts'
import { MemoryMesh } from '../../test/fakes/memory-router.ts'
import { startFairTimeout } from '../http/fair-timeout.ts'
import { digestOf } from '../oci/digest.ts'
import type { Peer } from '../routing/router.ts'
import type { Claim, ClaimAnswer } from './claim.ts'
import { ClaimDesk } from './claim-desk.ts'
import { ClaimTakers } from './claim-takers.ts'
import { Claimant, type ClaimantOptions } from './claimant.ts'
import { Coordinator } from './coordinator.ts'
import { ClaimUnsupportedError } from './errors.ts'

const DIGEST = digestOf(Buffer.from('layer'))
const signal = AbortSignal.timeout(10_000)

function peer(index: number): Peer {
  return { id: `peer ${index}`, registry: { host: `10.0.0.${index}`, port: 5000 } }
}

/** A mesh of `count` nodes; the claimant under test is the one farthest from the digest. */
function scene(count: number, options: ClaimantOptions = { answerTimeoutMs: 20, hedgeAfterMs: 1_000_000 }) {
  const clock = new ManualClock()
  const mesh = new MemoryMesh()
  const routers = Array.from({ length: count }, (_, index) => mesh.join(peer(index)))
  const router = routers.find(it => it.closest(DIGEST, count, { nearerThanSelf: true }).length === count - 1)
  assert.ok(router !== undefined)
  const nearest = router.closest(DIGEST, count)
  const asked: string[] = []
  /** What each coordinator does with a claim; default: it grants it. */
  const behaviours = new Map<string, (claim: Claim, aborted: AbortSignal) => Promise<ClaimAnswer>>()
  const takers = new ClaimTakers({ clock, members: router })
  const coordinator = new Coordinator({ clock, isLive: () => true, closer: key => takers.nearer(key)[0]?.id })
  const desk = new ClaimDesk({ coordinator, clock })
  /** What the desk of the claimant answered first. */
  const { promise: deskAnswered, resolve: answeredByDesk } = Promise.withResolvers<ClaimAnswer>()
  /** How long was waited for what, in milliseconds. */
  const timeouts: number[] = []
  const components = {
    members: router,
    takers,
    desk: {
      note: (node: string) => desk.note(node),
      async claim(...asked: Parameters<ClaimDesk['claim']>): Promise<ClaimAnswer> {
        const answer = await desk.claim(...asked)
        answeredByDesk(answer)
        return answer
      },
    },
    startTimeout(...timeout: Parameters<typeof startFairTimeout>): Disposable {
      timeouts.push(timeout[0])
      return startFairTimeout(...timeout)
    },
    sender: {
      async send(to: Peer, claim: Claim, options: { readonly signal: AbortSignal }): Promise<ClaimAnswer> {
        asked.push(to.id)
        const behaviour = behaviours.get(to.id)
        return behaviour === undefined ? { outcome: 'granted' } : await behaviour(claim, options.signal)
      },
    },
  }
  const claimant = new Claimant(components, options)
  return { clock, asked, behaviours, claimant, coordinator, deskAnswered, timeouts, router, nearest }
}

function silent(_claim: Claim, aborted: AbortSignal): Promise<ClaimAnswer> {
  const { promise, reject } = Promise.withResolvers<ClaimAnswer>()
  aborted.addEventListener('abort', () => reject(aborted.reason))
  return promise
}

const GRANTED = { kind: 'upstream', coordinated: true }
const ALONE = { kind: 'upstream', coordinated: false }

test('the member closest to the digest is asked, and its answer is the verdict', async () => {
  const { claimant, asked, nearest } = scene(4)
  assert.deepEqual(await claimant.claim({ digest: DIGEST, offset: 7, lost: ['x'] }, { signal }), GRANTED)
  assert.deepEqual(asked, [nearest[0]?.id])
})

test('the parents named are those that are members, with the addresses that are known of them', async () => {
  const { claimant, behaviours, nearest } = scene(4)
  const [first, second] = nearest
  assert.ok(first && second)
  behaviours.set(first.id, async () => ({ outcome: 'follow', parents: ['stranger', second.id], depth: 3 }))
  const verdict = await claimant.claim({ digest: DIGEST, offset: 0 }, { signal })
  assert.deepEqual(verdict, { kind: 'follow', parents: [second], depth: 3 })
})

test('a node that is given a parent it does not know asks for another one, and goes alone after four', async () => {
  const { claimant, behaviours, nearest } = scene(4)
  const [first, second] = nearest
  assert.ok(first && second)
  const useless: (readonly string[])[] = []
  behaviours.set(first.id, async ({ behind }) => {
    useless.push(behind)
    return { outcome: 'follow', parents: [useless.length === 3 ? second.id : `stranger ${useless.length}`], depth: 3 }
  })
  const verdict = await claimant.claim({ digest: DIGEST, offset: 0, behind: ['slow'] }, { signal })
  assert.deepEqual(verdict, { kind: 'follow', parents: [second], depth: 3 })
  assert.deepEqual(useless, [['slow'], ['slow', 'stranger 1'], ['slow', 'stranger 1', 'stranger 2']])
  assert.deepEqual(await claimant.claim({ digest: DIGEST, offset: 0 }, { signal }), ALONE)
  assert.equal(useless.length, 7)
})

test('a node that is closest itself asks nobody', async () => {
  const { claimant, asked, coordinator } = scene(1)
  assert.deepEqual(await claimant.claim({ digest: DIGEST, offset: 0 }, { signal }), GRANTED)
  assert.deepEqual(asked, [])
  assert.equal(coordinator.places, 1)
})

test('a coordinator that does not answer in time is passed over, three of them end the attempt', async () => {
  const { claimant, asked, behaviours, nearest } = scene(6)
  const [first, second, third] = nearest
  assert.ok(first && second && third)
  behaviours.set(first.id, silent)
  behaviours.set(second.id, () => Promise.reject(new Error('reset')))
  assert.deepEqual(await claimant.claim({ digest: DIGEST, offset: 0 }, { signal }), GRANTED)
  assert.deepEqual(asked.splice(0), [first.id, second.id, third.id])
  behaviours.set(first.id, () => Promise.reject(new Error('reset')))
  behaviours.set(third.id, silent)
  const other = scene(6)
  for (const [id, behaviour] of behaviours) other.behaviours.set(id, behaviour)
  assert.deepEqual(await other.claimant.claim({ digest: DIGEST, offset: 0 }, { signal }), ALONE)
  assert.deepEqual(other.asked, [first.id, second.id, third.id])
})

test('a coordinator that is asked because the one before can’t be reached has as much time as that', async () => {
  const { claimant, asked, behaviours, timeouts, nearest } = scene(4, { answerTimeoutMs: 400, hedgeAfterMs: 150 })
  const [first, second] = nearest
  assert.ok(first && second)
  behaviours.set(first.id, () => Promise.reject(new Error('refused')))
  assert.deepEqual(await claimant.claim({ digest: DIGEST, offset: 0 }, { signal }), GRANTED)
  assert.deepEqual(asked, [first.id, second.id])
  assert.deepEqual(timeouts, [150, 400, 150, 400])
})

test('a coordinator that left a claim unanswered is passed over for twenty seconds', async () => {
  const { claimant, clock, asked, behaviours, nearest } = scene(6)
  const [first, second] = nearest
  assert.ok(first && second)
  behaviours.set(first.id, silent)
  for (let count = 0; count < 2; count += 1) await claimant.claim({ digest: DIGEST, offset: 0 }, { signal })
  assert.deepEqual(asked.splice(0), [first.id, second.id, second.id])
  behaviours.delete(first.id)
  clock.advance(20_000)
  await claimant.claim({ digest: DIGEST, offset: 0 }, { signal })
  assert.deepEqual(asked, [first.id])
})

test('a node that is the only one to ask a silent coordinator gets its answer from the next', async () => {
  const { claimant, asked, behaviours, nearest } = scene(4, { answerTimeoutMs: 1_000_000, hedgeAfterMs: 1 })
  const [first, second] = nearest
  assert.ok(first && second)
  behaviours.set(first.id, silent)
  const claims: Claim[] = []
  behaviours.set(second.id, async claim => {
    claims.push(claim)
    return { outcome: 'granted' }
  })
  for (let count = 0; count < 2; count += 1) {
    assert.deepEqual(await claimant.claim({ digest: DIGEST, offset: 0 }, { signal }), GRANTED)
  }
  assert.deepEqual(asked, [first.id, second.id, second.id])
  assert.deepEqual(
    claims.map(({ hedged, redirected }) => [hedged, redirected]),
    [
      [true, true],
      [undefined, true],
    ],
  )
})

test('a node that is told to wait for a slow coordinator takes its answer', async () => {
  const { claimant, asked, behaviours, nearest } = scene(4, { answerTimeoutMs: 1_000_000, hedgeAfterMs: 1 })
  const [first, second] = nearest
  assert.ok(first && second)
  const { promise, resolve } = Promise.withResolvers<ClaimAnswer>()
  behaviours.set(first.id, () => promise)
  behaviours.set(second.id, async () => {
    setImmediate(resolve, { outcome: 'granted' })
    return { outcome: 'wait' }
  })
  assert.deepEqual(await claimant.claim({ digest: DIGEST, offset: 0 }, { signal }), GRANTED)
  behaviours.delete(first.id)
  await claimant.claim({ digest: DIGEST, offset: 0 }, { signal })
  assert.deepEqual(asked, [first.id, second.id, first.id])
})

test('a node that is told to wait asks again, and follows whom it is told to before the slow coordinator answers', async () => {
  const { claimant, asked, behaviours, nearest } = scene(4, { answerTimeoutMs: 1_000_000, hedgeAfterMs: 1 })
  const [first, second, third] = nearest
  assert.ok(first && second && third)
  behaviours.set(first.id, silent)
  let waits = 0
  behaviours.set(second.id, async () => {
    waits += 1
    return waits < 4 ? { outcome: 'wait' } : { outcome: 'follow', parents: [third.id], depth: 1 }
  })
  const verdict = await claimant.claim({ digest: DIGEST, offset: 0 }, { signal })
  assert.deepEqual(verdict, { kind: 'follow', parents: [third], depth: 1 })
  assert.deepEqual(asked, [first.id, second.id, second.id, second.id, second.id])
})

test('a node that has just been told to follow another is not the only one to ask, and waits for a slow coordinator', async () => {
  const { claimant, coordinator, behaviours, deskAnswered, nearest } = scene(2, {
    answerTimeoutMs: 1_000_000,
    hedgeAfterMs: 1,
  })
  const [first] = nearest
  assert.ok(first)
  const follow: ClaimAnswer = { outcome: 'follow', parents: [first.id], depth: 1 }
  const verdict = { kind: 'follow', parents: [first], depth: 1 }
  behaviours.set(first.id, async () => follow)
  assert.deepEqual(await claimant.claim({ digest: DIGEST, offset: 0 }, { signal }), verdict)
  behaviours.set(first.id, async () => {
    assert.deepEqual(await deskAnswered, { outcome: 'wait' })
    return follow
  })
  assert.deepEqual(await claimant.claim({ digest: DIGEST, offset: 0 }, { signal }), verdict)
  assert.equal(coordinator.places, 0)
})

test('whoever is asked in the place of a closer one is told to answer itself', async () => {
  const { claimant, behaviours, nearest } = scene(4)
  const [first, second, third] = nearest
  assert.ok(first && second && third)
  const told: boolean[] = []
  behaviours.set(first.id, async ({ redirected }) => {
    told.push(redirected)
    throw new ClaimUnsupportedError(first.id)
  })
  behaviours.set(second.id, async ({ redirected }) => {
    told.push(redirected)
    return redirected ? { outcome: 'granted' } : { outcome: 'redirect', to: first.id }
  })
  assert.deepEqual(await claimant.claim({ digest: DIGEST, offset: 0 }, { signal }), GRANTED)
  assert.deepEqual(await claimant.claim({ digest: DIGEST, offset: 0 }, { signal }), GRANTED)
  assert.deepEqual(told, [false, true, true])
})

test('a coordinator that points to one that is gone is asked again, and told to answer itself', async () => {
  const { claimant, asked, behaviours, nearest } = scene(4)
  const [first, second] = nearest
  assert.ok(first && second)
  for (const to of ['gone', second.id]) {
    behaviours.set(second.id, () => Promise.reject(new Error('reset')))
    behaviours.set(first.id, async ({ redirected }) =>
      redirected ? { outcome: 'granted' } : { outcome: 'redirect', to },
    )
    assert.deepEqual(await claimant.claim({ digest: DIGEST, offset: 0 }, { signal }), GRANTED)
  }
  assert.deepEqual(asked, [first.id, first.id, first.id, second.id, first.id])
})

test('members that take no claims are passed over, and remembered for ten minutes', async () => {
  const { claimant, clock, asked, behaviours, nearest } = scene(5)
  const ids = nearest.map(it => it.id)
  for (const id of ids.slice(0, 3)) behaviours.set(id, () => Promise.reject(new ClaimUnsupportedError(id)))
  assert.deepEqual(await claimant.claim({ digest: DIGEST, offset: 0 }, { signal }), GRANTED)
  assert.deepEqual(asked.splice(0), ids)
  assert.deepEqual(await claimant.claim({ digest: DIGEST, offset: 0 }, { signal }), GRANTED)
  assert.deepEqual(asked.splice(0), ids.slice(3))
  clock.advance(10 * 60_000)
  await claimant.claim({ digest: DIGEST, offset: 0 }, { signal })
  assert.deepEqual(asked, ids)
})

test('where no other member takes claims, the node coordinates itself', async () => {
  const { claimant, behaviours, coordinator, nearest } = scene(3)
  for (const { id } of nearest) behaviours.set(id, () => Promise.reject(new ClaimUnsupportedError(id)))
  assert.deepEqual(await claimant.claim({ digest: DIGEST, offset: 0 }, { signal }), GRANTED)
  assert.equal(coordinator.places, 1)
})

test('a redirect is followed once, and says that it was', async () => {
  const { claimant, asked, behaviours, nearest } = scene(4)
  const [first, second, third] = nearest
  assert.ok(first && second && third)
  behaviours.set(first.id, async () => ({ outcome: 'redirect', to: third.id }))
  behaviours.set(third.id, async ({ redirected }) => {
    assert.ok(redirected)
    return { outcome: 'redirect', to: second.id }
  })
  assert.deepEqual(await claimant.claim({ digest: DIGEST, offset: 0 }, { signal }), ALONE)
  assert.deepEqual(asked, [first.id, third.id])
})

test('a claim that is given up rejects with the reason', async () => {
  const { claimant, behaviours, nearest } = scene(3)
  const [first] = nearest
  assert.ok(first)
  behaviours.set(first.id, silent)
  const stop = new AbortController()
  const claimed = claimant.claim({ digest: DIGEST, offset: 0 }, { signal: stop.signal })
  const reason = new Error('client gone')
  stop.abort(reason)
  await assert.rejects(claimed, reason)
})
