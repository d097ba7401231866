import type { Clock } from '../clock.ts'
import { TokenBucket } from './token-bucket.ts'

/** What a peer may do, each with the burst that a node of a full cluster needs when it joins, and the rate from then on. */
const LIMITS = {
  /** Messages. Go announces one key with each. */
  messages: { burst: 30_000, perSecond: 1000 },
  /** Keys announced or taken back by the records protocol. */
  records: { burst: 60_000, perSecond: 2000 },
} as const

/** Peers remembered; beyond it the one that was silent longest is forgotten. A new identity costs its owner a handshake. */
const MAX_PEERS = 4096

export type LimitName = keyof typeof LIMITS

/** Counts what each peer does, over all of its connections: one that was cut off does not start afresh. */
export class PeerLimits {
  readonly #clock: Pick<Clock, 'now'>
  readonly #peers = new Map<string, Readonly<Record<LimitName, TokenBucket>>>()

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  /** @returns false where the peer with this id does more than it may */
  take(peer: string, name: LimitName, count = 1): boolean {
    const buckets = this.#peers.get(peer) ?? {
      messages: new TokenBucket(this.#clock, LIMITS.messages),
      records: new TokenBucket(this.#clock, LIMITS.records),
    }
    this.#peers.delete(peer)
    for (const silent of this.#peers.keys()) {
      if (this.#peers.size < MAX_PEERS) break
      this.#peers.delete(silent)
    }
    this.#peers.set(peer, buckets)
    return buckets[name].take(count)
  }
}
