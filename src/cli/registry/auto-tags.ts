import process from 'node:process'
import { createRegistryProbe } from '../../http/registry-probe.ts'
import type { Log } from '../../observability/log.ts'
import { isWildcardRegistry, parseRegistryUrl } from '../../oci/registry-url.ts'
import { RegistryReachability } from '../../registry/registry-reachability.ts'
import { autoTagPolicy, type TagPolicy } from '../../registry/tag-policy.ts'
import { systemClock } from '../../routing/clock.ts'
import { lookupName } from '../../routing/libp2p/name-lookup.ts'
import type { Router } from '../../routing/router.ts'
import type { Store } from '../../store/store.ts'
import type { RegistryFlags } from './flags.ts'

export interface TagPolicyComponents {
  readonly store: Store
  readonly router: Router
  readonly log: Log
  /** Ends what runs in the background. */
  readonly stack: AsyncDisposableStack
}

/** What `--resolve-tags auto` needs; nothing for its other values. */
export function createTagPolicy(flags: RegistryFlags, components: TagPolicyComponents): { tagPolicy?: TagPolicy } {
  if (flags.resolveTags !== 'auto') return {}
  const { store, router, log, stack } = components
  const named = flags.mirroredRegistries.filter(entry => !isWildcardRegistry(entry)).map(parseRegistryUrl)
  const probe = createRegistryProbe({ resolveName: lookupName }, { named, proxyEnv: process.env })
  const reachability = stack.use(new RegistryReachability({ probe, clock: systemClock, log }))
  const options = { named: named.map(({ registry }) => registry), resolveTimeoutMs: flags.mirrorResolveTimeoutMs }
  return { tagPolicy: autoTagPolicy({ store, router, reachability }, options) }
}
