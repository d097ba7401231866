import type { PeerClient } from '../../http/peer-client.ts'
import type { PeerStanding } from '../../mirror/peer-scores.ts'
import type { Log } from '../../observability/log.ts'
import type { Metrics } from '../../observability/metrics.ts'
import type { Platform } from '../../oci/platform.ts'
import type { Endpoint, Members, Peer, Router } from '../../routing/router.ts'
import type { Store } from '../../store/store.ts'
import type { StoreEntry } from '../../store/watcher.ts'

/** What the API tells of. */
export interface ApiComponents {
  readonly metrics: Metrics
  readonly log: Log
  readonly router: Pick<Router, 'lookup'>
  readonly members: Pick<Members, 'peerId' | 'list'>
  readonly store: Store
  /** What the store holds, as it is advertised. */
  readonly entries: () => Iterable<StoreEntry>
  /** What was learnt of a peer. */
  readonly standing: (peer: Peer) => PeerStanding | undefined
  readonly node: NodeFacts
  /** Asks this node's own registry, with the credentials that it wants. */
  readonly peerClient: PeerClient
}

/** What does not come from the other parts. */
interface NodeFacts {
  readonly version: string
  readonly ready: () => boolean
  readonly platform: Platform
  /** Where the registry answers requests from this node. */
  readonly registry: () => Endpoint
  readonly multiaddrs: () => readonly string[]
  readonly twins: () => readonly string[]
}
