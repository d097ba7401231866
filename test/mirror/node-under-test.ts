import { AskedContent } from '../../src/coalesce/asked-content.ts'
import { Bursts } from '../../src/coalesce/bursts.ts'
import type { Claimant } from '../../src/coalesce/claimant.ts'
import { BufferPool } from '../../src/http/buffer-pool.ts'
import { dispatch } from '../../src/http/dispatch.ts'
import { createPooledPeerClient } from '../../src/http/pooled-peer-client.ts'
import { startHttpServer } from '../../src/http/server.ts'
import type { MirrorLimits } from '../../src/mirror/limits.ts'
import { createMirror } from '../../src/mirror/mirror.ts'
import { createMetrics } from '../../src/observability/metrics.ts'
import type { Digest } from '../../src/oci/digest.ts'
import { compileFilters, type FilterSettings } from '../../src/oci/registry-filter.ts'
import { ContentVerification } from '../../src/registry/content-verification.ts'
import { HashWorker } from '../../src/registry/hash-worker.ts'
import { healthRoutes } from '../../src/registry/health-routes.ts'
import { createRegistryRoutes, type RegistryOptions } from '../../src/registry/registry-routes.ts'
import type { TagPolicy } from '../../src/registry/tag-policy.ts'
import { type Clock, systemClock } from '../../src/routing/clock.ts'
import type { Peer, Router } from '../../src/routing/router.ts'
import type { InProgress, Store } from '../../src/store/store.ts'
import type { Withheld } from '../../src/store/withheld-content.ts'
import { MemoryLog } from '../fakes/memory-log.ts'
import { MemoryStore } from '../fakes/memory-store.ts'

export interface NodeSettings extends Partial<RegistryOptions>, Partial<FilterSettings> {
  /** Found by every lookup, in this order. Default: none. */
  readonly peers?: Iterable<Peer>
  readonly store?: Store
  /** Default: nothing. */
  readonly withheld?: Withheld
  readonly limits?: Partial<MirrorLimits>
  readonly ready?: boolean
  /** Default: tags are always answered. */
  readonly tagPolicy?: TagPolicy
  /** Tells the mirror what becomes of blobs. Default: nothing does. */
  readonly inProgress?: InProgress
  /** That of the verification. Default: the system's. */
  readonly clock?: Clock
  /** Answers the claims of bursts, which the node takes part in then. Default: it does not. */
  readonly claim?: Claimant['claim']
  /** Default: 2 s. */
  readonly coalesceWaitMs?: number
  /** The mirror's clock. Default: the process's. */
  readonly now?: () => number
}

/** A node's registry listener with everything behind it real but the store and the router. Peers are asked in order. */
export async function startNode(settings: NodeSettings = {}) {
  const { peers = [], ready = true, resolveTags = true, maxUploads = 16, limits = {}, basicAuth } = settings
  const log = new MemoryLog()
  const metrics = createMetrics()
  const memory = new MemoryStore()
  const lookups: string[] = []
  const doubted: string[] = []
  const router: Router = {
    async *lookup(key) {
      lookups.push(key)
      yield* peers
    },
    advertise: async () => {},
    withdraw: async () => {},
    ready: () => ready,
  }
  const store = settings.store ?? memory
  const unadvertised = new Set<Digest>()
  const hasher = new HashWorker()
  const verification = new ContentVerification({
    store,
    advertised: { exclude: digest => unadvertised.add(digest), include: digest => unadvertised.delete(digest) },
    hasher,
    clock: settings.clock ?? systemClock,
    metrics,
    log,
  })
  const credentials = basicAuth === undefined ? {} : { basicAuth }
  const buffers = new BufferPool()
  const peerClient = createPooledPeerClient({ log, buffers }, credentials)
  const { claim, now = () => performance.now(), coalesceWaitMs: waitMs = 2000 } = settings
  const inProgress = settings.inProgress ?? (claim && memory)
  const asked = new AskedContent({ clock: { now } })
  const mirror = createMirror(
    {
      router,
      doubts: { doubt: ({ id }) => doubted.push(id) },
      peerClient,
      metrics,
      log,
      random: () => 0,
      now,
      ...(inProgress && { inProgress }),
      ...(claim &&
        inProgress && { bursts: new Bursts({ inProgress, claimant: { claim }, metrics, log, now }, { waitMs }) }),
    },
    { resolveTimeoutMs: 1000, resolveRetries: 3, limits: { headersTimeoutMs: 5000, ...limits } },
  )
  const routes = createRegistryRoutes(
    {
      store,
      verification,
      ...(settings.withheld === undefined ? {} : { withheld: settings.withheld }),
      mirror,
      filter: compileFilters({ mirroredRegistries: [], registryFilters: [], ...settings }),
      metrics,
      log,
      buffers,
      ...(inProgress && { inProgress: { inProgress, asked } }),
      ...(settings.tagPolicy === undefined ? {} : { tagPolicy: settings.tagPolicy }),
    },
    {
      resolveTags,
      maxUploads,
      ...credentials,
      ...(settings.uploadPace === undefined ? {} : { uploadPace: settings.uploadPace }),
    },
  )
  const health = healthRoutes({ ready: () => ready })
  const handler = dispatch({ routes: [...health, ...routes], metrics, log })
  const server = await startHttpServer({ handler, log }, { name: 'registry', listen: { host: '127.0.0.1', port: 0 } })
  return {
    address: server.address,
    store: memory,
    log,
    metrics,
    /** What bodies go through. */
    buffers,
    /** What the node holds and must not advertise. */
    unadvertised,
    /** What local clients asked for. */
    asked,
    /** Keys looked up, in order. */
    lookups,
    /** Ids of the peers that the router was told not to answer, in order. */
    doubted,
    /** The value of a metric, as it is exposed. */
    metric: async (name: string): Promise<number> => {
      const { text } = await metrics.render()
      const line = text.split('\n').find(line => line.startsWith(`${name} `))
      return line === undefined ? 0 : Number(line.slice(name.length))
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await verification[Symbol.asyncDispose]()
      await hasher[Symbol.asyncDispose]()
      await mirror.close()
      await peerClient.close()
    },
  }
}
