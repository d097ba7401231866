import { once } from 'node:events'
import { loadBasicAuth } from '../../http/basic-auth.ts'
import { dispatch, type Route } from '../../http/dispatch.ts'
import { formatHostPort } from '../../http/host-port.ts'
import { createPeerClient } from '../../http/node-peer-client.ts'
import { type HttpServer, startHttpServer } from '../../http/server.ts'
import { createMirror } from '../../mirror/mirror.ts'
import type { Log } from '../../observability/log.ts'
import { createMetrics, type Metrics } from '../../observability/metrics.ts'
import { compileFilters } from '../../oci/registry-filter.ts'
import { healthRoutes } from '../../registry/health-routes.ts'
import { createRegistryRoutes } from '../../registry/registry-routes.ts'
import { AdvertiseSync } from '../../routing/advertise-sync.ts'
import { systemClock } from '../../routing/clock.ts'
import type { Bootstrapper } from '../../routing/libp2p/bootstrap.ts'
import { staticBootstrapper } from '../../routing/libp2p/bootstrap-static.ts'
import { InvalidBootstrapPeerError } from '../../routing/libp2p/errors.ts'
import { createLibp2pRouter, type Libp2pRouter } from '../../routing/libp2p/libp2p-router.ts'
import { createOciLayout } from '../../store/oci-layout/oci-layout.ts'
import { metricsRoutes } from '../../web/metrics-routes.ts'
import type { CommandContext } from '../command.ts'
import type { Address } from '../flags/address.ts'
import { UsageError } from '../flags/usage-error.ts'
import type { RegistryFlags } from './flags.ts'

/** How long transfers may go on after a signal to end; then they are ended with FIN, and clients resume elsewhere. */
const DRAIN_TIMEOUT_MS = 20_000

/**
 * Runs the daemon until `context.signal` aborts: the composition root, where adapters meet the code that uses them.
 * Resolves once it has drained.
 * @throws {ListenError | RouterListenError} where an address can't be had
 */
export async function runRegistry(flags: RegistryFlags, { log, signal }: CommandContext): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const metrics = createMetrics()
  const filter = compileFilters(flags)
  const basicAuth = await loadBasicAuth(flags.basicAuthDir)
  const credentials = basicAuth === undefined ? {} : { basicAuth }
  const { store, watcher } = createOciLayout({ roots: flags.ociLayoutPath, log })
  const router = stack.use(await startRouter(flags, { log, metrics, signal }))
  const health = healthRoutes({ ready: () => router.ready() })

  const peerClient = stack.adopt(createPeerClient({ log }, credentials), client => client.close())
  const mirror = stack.adopt(
    createMirror(
      { router, peerClient, metrics, log },
      { resolveTimeoutMs: flags.mirrorResolveTimeoutMs, resolveRetries: flags.mirrorResolveRetries },
    ),
    mirror => mirror.close(),
  )
  const registryRoutes = createRegistryRoutes(
    { store, mirror, filter, metrics, log },
    { resolveTags: flags.resolveTags !== 'false', maxUploads: flags.maxUploads, ...credentials },
  )
  const serve = async (name: string, listen: Address, routes: readonly Route[]): Promise<HttpServer> =>
    stack.use(
      await startHttpServer(
        { handler: dispatch({ routes, metrics, log }), log },
        { name, listen: { host: listen.host === '' ? undefined : listen.host, port: listen.port }, signal },
      ),
    )
  const metricsServer = await serve('metrics', flags.metricsAddr, metricsRoutes({ metrics, health }))
  const registry = await serve('registry', flags.registryAddr, [...health, ...registryRoutes])

  const sync = new AdvertiseSync({ clock: systemClock, watcher, router, filter, metrics, log })
  log.info('running Spegel', {
    registry: formatHostPort(registry.address),
    router: router.multiaddrs,
    metrics: formatHostPort(metricsServer.address),
  })
  if (basicAuth === undefined) log.warn('no credentials are configured: whoever reaches this node can pull from it')
  await sync.run({ signal })
  if (!signal.aborted) await once(signal, 'abort')

  log.info('shutting down', { reason: String(signal.reason) })
  await registry.drain(DRAIN_TIMEOUT_MS)
}

async function startRouter(
  flags: RegistryFlags,
  { log, metrics, signal }: { readonly log: Log; readonly metrics: Metrics; readonly signal: AbortSignal },
): Promise<Libp2pRouter> {
  const { staticBootstrapPeers, routerAddr: listen, registryAddr } = flags
  return await createLibp2pRouter(
    { log, metrics },
    {
      listen,
      registryPort: registryAddr.port,
      signal,
      // Without peers to join by, this node is the first of its cluster: others join it.
      ...(staticBootstrapPeers.length === 0 ? {} : { bootstrapper: bootstrapper(staticBootstrapPeers, listen.port) }),
    },
  )
}

/** @throws {UsageError} naming the entry that is no peer */
function bootstrapper(entries: readonly string[], defaultPort: number): Bootstrapper {
  try {
    return staticBootstrapper(entries, defaultPort)
  } catch (error) {
    if (!(error instanceof InvalidBootstrapPeerError)) throw error
    throw new UsageError(`--static-bootstrap-peers: ${error.message}`, { cause: error })
  }
}
