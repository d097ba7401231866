/**
 * What `/debug/web/api/v1/` answers, as JSON. Members are added without notice; a change of what there is gets a new
 * version in the path. Times are milliseconds since the epoch, durations milliseconds, sizes bytes.
 */

/** Where the API is, below the metrics listener. */
export const API_PATH = '/debug/web/api/v1'

/** Sums since the process began. */
interface Totals {
  /** Bytes to local clients, by where they came from. */
  readonly store: number
  readonly peer: number
  readonly in_progress: number
  /** Bytes to peers. */
  readonly upload: number
  /** Requests of local clients that were answered with what they asked for, and with a miss. */
  readonly hits: number
  readonly misses: number
}

/** `GET node`: this node. */
export interface NodeState {
  readonly version: string
  readonly peerId: string
  readonly startedAt: number
  /** What the node's clock says. */
  readonly time: number
  readonly ready: boolean
  /** Where the registry listens, `host:port`. */
  readonly registry: string
  /** Multiaddrs at which others can join this node. */
  readonly router: readonly string[]
  /** Live members of the mesh beside this node. */
  readonly peers: number
  /** Addresses at which another node with this node's identity was met. */
  readonly twins: readonly string[]
  /** Images that are held under a tag. */
  readonly images: number
  readonly totals: Totals
}

/** One of {@link MembersState}. What is measured is undefined until it was. */
export interface MemberState {
  readonly id: string
  /** Where its registry answers, `host:port`. */
  readonly address: string
  readonly latencyMs?: number
  readonly bytesPerSecond?: number
  readonly inFlight: number
  /** Failures since the last whole answer. */
  readonly failures: number
  readonly quarantine?: { readonly reason: string; readonly remainingMs: number }
  /** Since the process began. Nodes behind one address share them. */
  readonly receivedBytes: number
  readonly sentBytes: number
}

/** `GET members`: who else is there. */
export interface MembersState {
  readonly members: readonly MemberState[]
  /** How many there are, listed or not. */
  readonly total: number
}

/** A peer that was asked for content. */
interface AttemptState {
  readonly peer: string
  /** `answered`, or why not. */
  readonly outcome: string
  readonly atMs: number
  readonly ms: number
}

/** A request for content. */
export interface RequestState {
  readonly id: number
  readonly time: number
  readonly name: string
  readonly kind: 'manifest' | 'blob'
  readonly method: string
  readonly from: 'local' | 'peer'
  readonly client: string
  readonly outcome: 'running' | 'served' | 'miss' | 'failed'
  readonly reason?: string
  readonly headMs?: number
  readonly ms: number
  readonly size?: number
  /** Bytes sent, by where they came from. */
  readonly bytes: Readonly<Record<string, number>>
  readonly attempts: readonly AttemptState[]
}

/** `GET activity`: requests that run, and those that ran last, the newest first. */
export interface ActivityState {
  readonly running: readonly RequestState[]
  readonly recent: readonly RequestState[]
}

/** `GET history?span=hour|day`: sums over slots of time, as columns. */
export interface HistoryState {
  readonly slotMs: number
  /** When each slot began. */
  readonly times: readonly number[]
  readonly values: Readonly<Record<keyof Totals, readonly number[]>>
}

/** One of {@link ImagesState}. */
export interface ImageSummary {
  /** `registry/repository:tag` */
  readonly name: string
  readonly digest: string
}

/** `GET images`: what is held under a tag. */
export interface ImagesState {
  readonly images: readonly ImageSummary[]
  /** How many there are, listed or not. */
  readonly total: number
}

/** A piece of an image. */
export interface PieceState {
  readonly digest: string
  readonly kind: 'index' | 'manifest' | 'config' | 'layer'
  readonly size: number
  readonly platform?: string
  readonly held: boolean
  /** Peers that hold it, `host:port`. */
  readonly holders: readonly string[]
}

/** `GET image?name=…`: one image, with who holds each piece of it, looked up for this answer. */
export interface ImageState {
  readonly name: string
  readonly digest: string
  readonly pieces: readonly PieceState[]
  /** Whether there are more pieces than are listed. */
  readonly truncated: boolean
}

/** One request of a measurement. */
export interface MeasuredPiece {
  readonly digest: string
  readonly kind: PieceState['kind']
  readonly size: number
  readonly bytes: number
  readonly startMs: number
  readonly headMs?: number
  readonly endMs?: number
  /** Who served it: `store`, or a peer's `host:port`. */
  readonly source?: string
  /** Why it failed, where it did. */
  readonly error?: string
}

/** `GET measure?image=…`: a pull of an image through the mirror that keeps nothing. */
export interface MeasureState {
  readonly image: string
  readonly pieces: readonly MeasuredPiece[]
  readonly bytes: number
  readonly ms: number
  readonly done: boolean
  /** Why it failed, where it did. */
  readonly error?: string
}
