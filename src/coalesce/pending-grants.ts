import type { Digest } from '../oci/digest.ts'
import type { CallOptions, InProgress } from '../store/store.ts'

/**
 * How long a download that this node was granted may take to begin, behind all that is under way; longer says that it will
 * not.
 */
const PENDING_MS = 10 * 60_000
/** Grants, and digests that were yielded, remembered; the oldest is forgotten first. */
const MAX_REMEMBERED = 1024
/**
 * How long a client that was sent away with nothing is not sent away again: containerd fails the pull at the third time, and
 * one is needed for the way upstream.
 */
const YIELDED_MS = 10 * 60_000

interface Grant {
  readonly offset: number
  readonly at: number
}

export interface PendingGrantsComponents {
  readonly inProgress: InProgress
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number
}

/**
 * What this node is to fetch from upstream, and has not begun to. containerd 2.x limits its requests, and counts the one to
 * upstream anew after the one that this mirror answered 404: it comes after all that wait for their turn. Those may follow
 * nodes that are in the same position, each of which waits for another. So requests that get nothing make room.
 */
export class PendingGrants {
  readonly #components: PendingGrantsComponents
  readonly #grants = new Map<Digest, Grant>()
  /** When the request for each digest made room. */
  readonly #yieldedAt = new Map<Digest, number>()

  constructor(components: PendingGrantsComponents) {
    this.#components = components
  }

  /** This node is to fetch `digest` from `offset` on. */
  note(digest: Digest, offset: number): void {
    remember(this.#grants, digest, { offset, at: this.#components.now() })
  }

  /** Whether the request for `digest`, which gets nothing, is to make room for a download that has not begun. */
  async mustYield(digest: Digest, options: CallOptions): Promise<boolean> {
    const { now } = this.#components
    if (now() - (this.#yieldedAt.get(digest) ?? Number.NEGATIVE_INFINITY) < YIELDED_MS) return false
    for (const [granted, grant] of this.#grants) {
      if (!(await this.#isPending(granted, grant, options))) {
        if (this.#grants.get(granted) === grant) this.#grants.delete(granted)
        continue
      }
      remember(this.#yieldedAt, digest, now())
      return true
    }
    return false
  }

  async #isPending(digest: Digest, { offset, at }: Grant, options: CallOptions): Promise<boolean> {
    const { inProgress, now } = this.#components
    if (now() - at >= PENDING_MS) return false
    const download = await inProgress.find(digest, { ...options, evenStalled: true })
    if (download === undefined) return false
    try {
      return (await download.read(Buffer.alloc(1), offset)) === 0
    } finally {
      await download.close()
    }
  }
}

function remember<Value>(map: Map<Digest, Value>, digest: Digest, value: Value): void {
  map.delete(digest)
  map.set(digest, value)
  const [oldest] = map.keys()
  if (oldest !== undefined && map.size > MAX_REMEMBERED) map.delete(oldest)
}
