import type { Clock } from '../routing/clock.ts'
import type { Members, Peer } from '../routing/router.ts'

/** How long a member that takes no claims is passed over: Go's nodes never will, but may be replaced by ours. */
const UNSUPPORTED_TTL_MS = 10 * 60_000
/** How long one that left a claim unanswered is: members that are gone are known as such by then. */
const SILENT_TTL_MS = 20_000
/** Members remembered as such. */
const MAX_PASSED_OVER = 10_000
/** Members looked at for some that take claims. */
const MAX_LOOKED_AT = 64

export interface ClaimTakersComponents {
  readonly clock: Pick<Clock, 'now'>
  readonly members: Pick<Members, 'closest'>
}

/** The members that take claims, as far as is known: all but those that have said otherwise, or nothing. */
export class ClaimTakers {
  readonly #components: ClaimTakersComponents
  /** By peer id, until when; the one noted first comes first. */
  readonly #passedOver = new Map<string, number>()

  constructor(components: ClaimTakersComponents) {
    this.#components = components
  }

  /**
   * Those that are closer to `key` than this node, nearest first. One that some other request got no answer from is among
   * them: all nodes must ask the same one, and whether it takes claims shows soon enough.
   */
  nearer(key: string): readonly Peer[] {
    const { members } = this.#components
    const nearer = members.closest(key, MAX_LOOKED_AT, { nearerThanSelf: true, evenDoubted: true })
    return nearer.filter(peer => !this.#isPassedOver(peer.id))
  }

  /** `peer` has said that it takes no claims. */
  exclude(peer: Peer): void {
    this.#passOver(peer, UNSUPPORTED_TTL_MS)
  }

  /** `peer` left a claim unanswered. */
  silence(peer: Peer): void {
    this.#passOver(peer, SILENT_TTL_MS)
  }

  #passOver({ id }: Peer, ttlMs: number): void {
    this.#passedOver.delete(id)
    this.#passedOver.set(id, this.#components.clock.now() + ttlMs)
    const [oldest] = this.#passedOver.keys()
    if (oldest !== undefined && this.#passedOver.size > MAX_PASSED_OVER) this.#passedOver.delete(oldest)
  }

  #isPassedOver(id: string): boolean {
    const until = this.#passedOver.get(id)
    return until !== undefined && this.#components.clock.now() < until
  }
}
