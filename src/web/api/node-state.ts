import { formatHostPort } from '../../http/host-port.ts'
import type { PeerStanding } from '../../mirror/peer-scores.ts'
import type { RequestRecord } from '../../observability/request-record.ts'
import type { PeerTraffic } from '../../observability/traffic.ts'
import { formatReference } from '../../oci/reference.ts'
import type { Peer } from '../../routing/router.ts'
import type { ApiComponents } from './components.ts'
import type {
  ActivityState,
  ImageSummary,
  ImagesState,
  MemberState,
  MembersState,
  NodeState,
  RequestState,
} from './state.ts'

/** Members that are listed; a page with more would help nobody. */
const MAX_LISTED_MEMBERS = 1000
const MAX_LISTED_IMAGES = 2000
/** Requests that are listed, of each kind: what is told once a second to every page. */
const MAX_LISTED_REQUESTS = 100

const STARTED_AT = Math.round(performance.timeOrigin)

export function nodeState({ metrics, members, entries, node }: ApiComponents): NodeState {
  let images = 0
  for (const { kind } of entries()) if (kind === 'tag') images += 1
  return {
    version: node.version,
    peerId: members.peerId,
    startedAt: STARTED_AT,
    time: Date.now(),
    ready: node.ready(),
    registry: formatHostPort(node.registry()),
    router: node.multiaddrs(),
    peers: members.list().length,
    twins: node.twins(),
    images,
    totals: metrics.traffic.totals,
  }
}

export function membersState(components: ApiComponents): MembersState {
  const all = components.members.list()
  const traffic = new Map(components.metrics.traffic.peers().map(each => [each.host, each] as const))
  const listed = all
    .slice(0, MAX_LISTED_MEMBERS)
    .map(peer => memberState(peer, { standing: components.standing(peer), traffic: traffic.get(peer.registry.host) }))
  const byAddress = new Intl.Collator('en', { numeric: true }).compare
  return { members: listed.toSorted((a, b) => byAddress(a.address, b.address)), total: all.length }
}

interface KnownOfMember {
  readonly standing: PeerStanding | undefined
  readonly traffic: PeerTraffic | undefined
}

function memberState(peer: Peer, { standing, traffic }: KnownOfMember): MemberState {
  const { latencyMs, bytesPerSecond, inFlight = 0, failures = 0, quarantine } = standing ?? {}
  const { receivedBytes = 0, sentBytes = 0 } = traffic ?? {}
  return {
    id: peer.id,
    address: formatHostPort(peer.registry),
    ...(latencyMs === undefined ? {} : { latencyMs: rounded(latencyMs) }),
    ...(bytesPerSecond === undefined ? {} : { bytesPerSecond: Math.round(bytesPerSecond) }),
    inFlight,
    failures,
    ...(quarantine && {
      quarantine: { reason: quarantine.reason, remainingMs: Math.ceil(quarantine.remainingMs / 1000) * 1000 },
    }),
    receivedBytes,
    sentBytes,
  }
}

export function activityState({ metrics: { activity } }: ApiComponents): ActivityState {
  const newest = activity.running().slice(-MAX_LISTED_REQUESTS)
  return {
    running: newest.map(requestState),
    recent: activity.recent().slice(0, MAX_LISTED_REQUESTS).map(requestState),
  }
}

export function imagesState({ entries }: ApiComponents): ImagesState {
  const images: ImageSummary[] = []
  for (const entry of entries()) {
    if (entry.kind === 'tag') images.push({ name: formatReference(entry.reference), digest: entry.digest })
  }
  const sorted = images.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  return { images: sorted.slice(0, MAX_LISTED_IMAGES), total: images.length }
}

function requestState(record: RequestRecord): RequestState {
  const { id, time, name, start, outcome, reason, headMs, ms, size, bytes, attempts } = record
  return {
    id,
    time,
    name,
    kind: start.kind,
    method: start.method,
    from: start.from,
    client: start.client,
    outcome,
    ...(reason === undefined ? {} : { reason }),
    ...(headMs === undefined ? {} : { headMs: rounded(headMs) }),
    ms: rounded(ms),
    ...(size === undefined ? {} : { size }),
    bytes: Object.fromEntries(bytes),
    attempts: attempts.map(({ peer, outcome, atMs, ms }) => ({ peer, outcome, atMs: rounded(atMs), ms: rounded(ms) })),
  }
}

/** Milliseconds with one decimal. */
function rounded(ms: number): number {
  return Math.round(ms * 10) / 10
}
