import { once } from 'node:events'
import { BufferPool } from '../../http/buffer-pool.ts'
import { dispatch, type Route } from '../../http/dispatch.ts'
import { formatHostPort } from '../../http/host-port.ts'
import { createPooledPeerClient } from '../../http/pooled-peer-client.ts'
import { type HttpServer, startHttpServer } from '../../http/server.ts'
import { createMirror } from '../../mirror/mirror.ts'
import type { Log } from '../../observability/log.ts'
import { createMetrics, type Metrics } from '../../observability/metrics.ts'
import { compileFilters } from '../../oci/registry-filter.ts'
import { claimsRoute } from '../../registry/claims-route.ts'
import { ContentVerification } from '../../registry/content-verification.ts'
import { HashWorker } from '../../registry/hash-worker.ts'
import { healthRoutes } from '../../registry/health-routes.ts'
import { createRegistryRoutes } from '../../registry/registry-routes.ts'
import { AdvertiseSync } from '../../routing/advertise-sync.ts'
import { systemClock } from '../../routing/clock.ts'
import { httpBootstrapRoutes } from '../../routing/libp2p/bootstrap-http.ts'
import { loadIdentity } from '../../routing/libp2p/identity.ts'
import { KnownMembers } from '../../routing/libp2p/known-members.ts'
import { createLibp2pRouter, type Libp2pRouter } from '../../routing/libp2p/libp2p-router.ts'
import { metricsRoutes } from '../../web/metrics-routes.ts'
import type { CommandContext } from '../command.ts'
import type { Address } from '../flags/address.ts'
import { loadTrust } from '../trust/trust.ts'
import { createTagPolicy } from './auto-tags.ts'
import { createBootstrapper } from './bootstrapper.ts'
import { createCoalescing } from './coalescing.ts'
import type { RegistryFlags } from './flags.ts'
import { openStore } from './open-store.ts'
import { allRegistryFilters, warnOfNoEffect } from './other-release-flags.ts'
import { createWeb } from './web.ts'

/** How long transfers may go on after a signal to end; then they are ended with FIN, and clients resume elsewhere. */
const DRAIN_TIMEOUT_MS = 20_000

/**
 * Runs the daemon until `context.signal` aborts: the composition root, where adapters meet the code that uses them.
 * Resolves once it has drained.
 * @throws {UsageError} where a flag that the kind of bootstrap needs is missing or names no peer
 * @throws {ClusterSecretError} where the file of the cluster secret has none to use
 * @throws {ListenError | RouterListenError} where an address can't be had
 * @throws {IdentityError} where the data directory has no identity to use
 * @throws {DeadSocketError} where containerd is lost to this process
 */
export async function runRegistry(flags: RegistryFlags, { log, signal: asked }: CommandContext): Promise<void> {
  const broken = new AbortController()
  const signal = AbortSignal.any([asked, broken.signal])
  await using stack = new AsyncDisposableStack()
  const metrics = createMetrics()
  warnOfNoEffect(flags, log)
  const filter = compileFilters({ ...flags, registryFilters: allRegistryFilters(flags) })
  const { basicAuth, networkKey } = await loadTrust(flags)
  const credentials = basicAuth === undefined ? {} : { basicAuth }
  const { store, watcher, inProgress, withheld, run } = await openStore(flags, { filter, log, stack })
  const router = stack.use(await startRouter(flags, { log, metrics, networkKey, signal }))
  const sync = new AdvertiseSync({ clock: systemClock, watcher, router, metrics, log })
  const hasher = stack.use(new HashWorker())
  const verification = stack.use(
    new ContentVerification({ store, advertised: sync, hasher, clock: systemClock, metrics, log }),
  )
  const health = healthRoutes({ ready: () => router.ready() && sync.hasStarted })

  // Serving and relaying share one budget.
  const buffers = new BufferPool()
  const peerClient = stack.adopt(createPooledPeerClient({ log, buffers }, credentials), client => client.close())
  const coalescing = createCoalescing(flags, { members: router, inProgress, peerClient, metrics, log })
  const mirror = stack.adopt(
    createMirror(
      {
        router,
        doubts: router,
        peerClient,
        inProgress,
        metrics,
        log,
        ...(coalescing && { bursts: coalescing.bursts }),
      },
      { resolveTimeoutMs: flags.mirrorResolveTimeoutMs, resolveRetries: flags.mirrorResolveRetries },
    ),
    mirror => mirror.close(),
  )
  const registryRoutes = createRegistryRoutes(
    {
      store,
      withheld,
      verification,
      mirror,
      buffers,
      filter,
      metrics,
      log,
      ...(coalescing && { inProgress: coalescing.shared }),
      ...createTagPolicy(flags, { store, router, log, stack }),
    },
    { resolveTags: flags.resolveTags !== 'false', maxUploads: flags.maxUploads, ...credentials },
  )
  const claims =
    coalescing === undefined ? [] : [claimsRoute({ ...coalescing, members: router, clock: systemClock }, credentials)]
  const serve = async (name: string, listen: Address, routes: readonly Route[]): Promise<HttpServer> =>
    stack.use(
      await startHttpServer(
        { handler: dispatch({ routes, metrics, log }), log },
        { name, listen: { host: listen.host === '' ? undefined : listen.host, port: listen.port }, signal },
      ),
    )
  if (flags.bootstrapKind === 'http' && flags.httpBootstrapAddr !== undefined) {
    await serve('bootstrap', flags.httpBootstrapAddr, httpBootstrapRoutes(router))
  }
  const registry = await serve('registry', flags.registryAddr, [...health, ...claims, ...registryRoutes])
  const web = createWeb(flags, { metrics, log, router, store, sync, mirror, peerClient, registry: registry.address })
  const metricsServer = await serve('metrics', flags.metricsAddr, metricsRoutes({ metrics, health, web }, credentials))

  log.info('running Spegel', {
    registry: formatHostPort(registry.address),
    router: router.multiaddrs,
    metrics: formatHostPort(metricsServer.address),
  })
  if (networkKey === undefined) log.warn('the mesh is open: whoever reaches this node can join it')
  if (basicAuth === undefined) log.warn('no credentials are configured: whoever reaches this node can pull from it')
  const running = run({ signal }).catch(error => broken.abort(error))
  await sync.run({ signal })
  if (!signal.aborted) await once(signal, 'abort')

  log.info('shutting down', { reason: asked.aborted ? String(asked.reason) : 'this process is of no more use' })
  await Promise.all([running, router.leave(), registry.drain(DRAIN_TIMEOUT_MS)])
  broken.signal.throwIfAborted()
}

interface RouterContext {
  readonly log: Log
  readonly metrics: Metrics
  readonly networkKey: Uint8Array | undefined
  readonly signal: AbortSignal
}

async function startRouter(
  flags: RegistryFlags,
  { log, metrics, networkKey, signal }: RouterContext,
): Promise<Libp2pRouter> {
  const { dataDir, routerAddr: listen, registryAddr } = flags
  const bootstrapper = createBootstrapper(flags)
  return await createLibp2pRouter(
    { log, metrics },
    {
      listen,
      registryPort: registryAddr.port,
      signal,
      ...(networkKey === undefined ? {} : { networkKey }),
      ...(dataDir === '' ? {} : await loadKept(dataDir, log)),
      ...(bootstrapper === undefined ? {} : { bootstrapper }),
    },
  )
}

/** What a node keeps from one run to the next. */
async function loadKept(dataDir: string, log: Log) {
  const knownMembers = await KnownMembers.load({ log, clock: systemClock }, dataDir)
  return { identity: await loadIdentity(dataDir), knownMembers }
}
