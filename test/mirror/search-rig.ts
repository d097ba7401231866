import { EventEmitter, on } from 'node:events'
import type { TestContext } from 'node:test'
import { HeaderTimes } from '../../src/mirror/header-times.ts'
import { MovingPeerScores } from '../../src/mirror/peer-scores.ts'
import { PeerSearch } from '../../src/mirror/peer-search.ts'
import { createMetrics } from '../../src/observability/metrics.ts'
import type { Peer, Router } from '../../src/routing/router.ts'
import { ManualClock } from '../fakes/manual-clock.ts'
import { MemoryLog } from '../fakes/memory-log.ts'

export const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(
  (id): Peer => ({ id, registry: { host: '127.0.0.1', port: 5000 } }),
)

/** Lets everything that waits for no timer happen. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise(resolve => setImmediate(resolve))
}

/** A request to a peer that the test answers. */
export interface Request {
  readonly peer: Peer
  readonly signal: AbortSignal
  answer(): void
  fail(): void
}

export function setUp(t: TestContext, options: { exclude?: readonly string[]; ready?: boolean } = {}) {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const clock = new ManualClock()
  const findings = new EventEmitter()
  const stop = new AbortController()
  const lookups: AbortSignal[] = []
  const areFresh: boolean[] = []
  const router: Router = {
    async *lookup(_key, { signal, fresh = false }) {
      lookups.push(signal)
      areFresh.push(fresh)
      try {
        for await (const [peer] of on(findings, 'peer', { signal, close: ['end'] })) yield peer
      } catch (error) {
        if (!signal.aborted) throw error
      }
    },
    advertise: async () => {},
    withdraw: async () => {},
    ready: () => options.ready ?? true,
  }
  const scores = new MovingPeerScores({ now: clock.now, random: () => 0 })
  const metrics = createMetrics()
  const log = new MemoryLog()
  const search = new PeerSearch(
    { router, scores, metrics, log, headerTimes: new HeaderTimes(), now: clock.now },
    { key: 'key', maxPeers: 3, resolveTimeoutMs: 20, exclude: new Set(options.exclude), signal: stop.signal },
  )
  const requests: Request[] = []
  const find = () => {
    const found = search.find((peer, signal) => {
      const { promise, resolve, reject } = Promise.withResolvers<string>()
      signal.addEventListener('abort', () => reject(signal.reason))
      requests.push({ peer, signal, answer: () => resolve(peer.id), fail: () => reject(new Error('no')) })
      return promise
    })
    // A test looks at the outcome only after it has brought it about.
    found.catch(() => undefined)
    return found
  }
  return {
    search,
    scores,
    requests,
    find,
    log,
    lookups,
    areFresh,
    stop,
    metrics,
    asked: () => requests.map(({ peer }) => peer.id),
    async finds(...peers: readonly (Peer | undefined)[]) {
      for (const peer of peers) findings.emit('peer', peer)
      await settle()
    },
    async ends() {
      findings.emit('end')
      await settle()
    },
    async passes(ms: number) {
      clock.advance(ms)
      for (let passed = 0; passed < ms; passed += 1) t.mock.timers.tick(1)
      await settle()
    },
    breaks: () => findings.emit('error', new Error('broken router')),
  }
}
