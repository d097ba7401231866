import { AskedContent } from '../../coalesce/asked-content.ts'
import { Bursts } from '../../coalesce/bursts.ts'
import { createClaimSender } from '../../coalesce/claim-client.ts'
import { ClaimDesk } from '../../coalesce/claim-desk.ts'
import { ClaimTakers } from '../../coalesce/claim-takers.ts'
import { Claimant } from '../../coalesce/claimant.ts'
import { Coordinator } from '../../coalesce/coordinator.ts'
import type { PeerClient } from '../../http/peer-client.ts'
import type { Log } from '../../observability/log.ts'
import type { Metrics } from '../../observability/metrics.ts'
import type { InProgressContent } from '../../registry/serve-in-progress.ts'
import { systemClock } from '../../routing/clock.ts'
import type { Members } from '../../routing/router.ts'
import type { InProgress } from '../../store/store.ts'
import type { RegistryFlags } from './flags.ts'

export interface CoalescingComponents {
  readonly members: Members
  readonly inProgress: InProgress
  readonly peerClient: PeerClient
  readonly metrics: Metrics
  readonly log: Log
}

/** What coalescing bursts takes: the part of the mirror, that of the registry, and the decisions for other nodes. */
export interface Coalescing {
  readonly bursts: Bursts
  readonly shared: InProgressContent
  readonly desk: ClaimDesk
}

/** Assembles what `--coalesce` asks for; undefined where it is off. */
export function createCoalescing(
  { coalesce, coalesceWaitMs }: Pick<RegistryFlags, 'coalesce' | 'coalesceWaitMs'>,
  { members, inProgress, peerClient, metrics, log }: CoalescingComponents,
): Coalescing | undefined {
  if (!coalesce) return undefined
  const clock = systemClock
  const takers = new ClaimTakers({ clock, members })
  const coordinator = new Coordinator({
    clock,
    isLive: node => node === members.peerId || members.find(node, { evenDoubted: true }) !== undefined,
    closer: key => takers.nearer(key)[0]?.id,
  })
  const desk = new ClaimDesk({ coordinator, clock })
  const claimant = new Claimant({ members, takers, desk, sender: createClaimSender({ peerClient }) })
  return {
    bursts: new Bursts({ inProgress, claimant, metrics, log, now: () => clock.now() }, { waitMs: coalesceWaitMs }),
    shared: { inProgress, asked: new AskedContent({ clock }) },
    desk,
  }
}
