import { startFairTimeout } from '../http/fair-timeout.ts'
import type { MissReason } from '../observability/metrics.ts'
import { routingKey, type TagReference } from '../oci/reference.ts'
import type { CallOptions, Router } from '../routing/router.ts'
import { ContentNotFoundError } from '../store/errors.ts'
import type { Store } from '../store/store.ts'
import type { RegistryReachability } from './registry-reachability.ts'

/** Decides whether a local client's request for a tag is answered here. */
export interface TagPolicy {
  /** Why it is a miss; undefined where this node and its peers may answer. */
  refusal(reference: TagReference, options: CallOptions): Promise<MissReason | undefined>
}

export interface AutoTagComponents {
  readonly store: Store
  readonly router: Router
  readonly reachability: Pick<RegistryReachability, 'answers' | 'watches'>
}

export interface AutoTagOptions {
  /** Registries that the operator named. */
  readonly named: readonly string[]
  /** Longest wait for a peer that has the tag (`--mirror-resolve-timeout`). */
  readonly resolveTimeoutMs: number
}

/**
 * The policy of `--resolve-tags auto`: a tag is a claim, so the registry is asked while it answers, and this node and its
 * peers only while it does not. Clients choose the registry's name, and must not make this node probe hosts as they like:
 * a registry that the operator did not name is probed only once this node or a peer has the tag that is asked for. Where
 * neither has it, no answer of a probe could matter.
 */
export function autoTagPolicy(components: AutoTagComponents, options: AutoTagOptions): TagPolicy {
  const { store, router, reachability } = components
  const named = new Set(options.named)
  const isHere = async (reference: TagReference, { signal }: CallOptions): Promise<boolean> => {
    try {
      await store.resolve(reference, { signal })
      return true
    } catch (error) {
      if (error instanceof ContentNotFoundError) return false
      throw error
    }
  }
  const isAtPeer = async (reference: TagReference, { signal }: CallOptions): Promise<boolean> => {
    const stop = new AbortController()
    using _deadline = startFairTimeout(options.resolveTimeoutMs, () => stop.abort())
    const peers = router.lookup(routingKey(reference), { signal: AbortSignal.any([signal, stop.signal]) })
    for await (const _peer of peers) return true
    return false
  }
  return {
    async refusal(reference, call) {
      const { registry } = reference
      const mayProbe = named.has(registry) || reachability.watches(registry)
      if (!mayProbe && !(await isHere(reference, call)) && !(await isAtPeer(reference, call))) {
        return router.ready() ? 'not_found' : 'not_ready'
      }
      return (await reachability.answers(registry, call)) ? 'tag_upstream' : undefined
    },
  }
}
