import type { Route } from '../../http/dispatch.ts'
import type { PeerClient } from '../../http/peer-client.ts'
import type { Mirror } from '../../mirror/mirror.ts'
import type { Log } from '../../observability/log.ts'
import type { Metrics } from '../../observability/metrics.ts'
import type { AdvertiseSync } from '../../routing/advertise-sync.ts'
import type { Libp2pRouter } from '../../routing/libp2p/libp2p-router.ts'
import type { Endpoint } from '../../routing/router.ts'
import type { Store } from '../../store/store.ts'
import { apiRoutes } from '../../web/api/api-routes.ts'
import { pageRoutes } from '../../web/page-routes.ts'
import { reachableHost } from '../local-url.ts'
import { hostPlatform } from '../pull/host-platform.ts'
import { programVersion } from '../version/version.ts'
import type { RegistryFlags } from './flags.ts'

export interface WebComponents {
  readonly metrics: Metrics
  readonly log: Log
  readonly router: Libp2pRouter
  readonly store: Store
  readonly sync: AdvertiseSync
  readonly mirror: Mirror
  readonly peerClient: PeerClient
  /** Where the registry listens. */
  readonly registry: Endpoint
}

/** Routes of the page and its API; none where `--debug-web-enabled` is off. */
export function createWeb({ debugWebEnabled }: RegistryFlags, components: WebComponents): readonly Route[] {
  if (!debugWebEnabled) return []
  const { metrics, log, router, store, sync, mirror, peerClient, registry } = components
  const api = apiRoutes({
    metrics,
    log,
    router,
    members: router,
    store,
    peerClient,
    entries: () => sync.entries(),
    standing: peer => mirror.standing(peer),
    node: {
      version: programVersion(),
      platform: hostPlatform(),
      ready: () => router.ready() && sync.hasStarted,
      registry: () => ({ ...registry, host: reachableHost(registry.host) }),
      multiaddrs: () => router.multiaddrs,
      twins: () => router.twins,
    },
  })
  return [...pageRoutes(), ...api]
}
