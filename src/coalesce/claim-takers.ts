import type { Clock } from '../routing/clock.ts'
import type { Members, Peer } from '../routing/router.ts'

/** How long a member that takes no claims is passed over: Go's nodes never will, but may be replaced by ours. */
const UNSUPPORTED_TTL_MS = 10 * 60_000
/** Members remembered as such. */
const MAX_UNSUPPORTED = 10_000
/** Members looked at for some that take claims. */
const MAX_LOOKED_AT = 64

export interface ClaimTakersComponents {
  readonly clock: Pick<Clock, 'now'>
  readonly members: Pick<Members, 'closest'>
}

/** The members that take claims, as far as is known: all but those that have said otherwise. */
export class ClaimTakers {
  readonly #components: ClaimTakersComponents
  /** By peer id, when it was found to take none; oldest first. */
  readonly #unsupported = new Map<string, number>()

  constructor(components: ClaimTakersComponents) {
    this.#components = components
  }

  /** Those that are closer to `key` than this node, nearest first. */
  nearer(key: string): readonly Peer[] {
    const nearer = this.#components.members.closest(key, MAX_LOOKED_AT, { nearerThanSelf: true })
    return nearer.filter(peer => !this.#isUnsupported(peer.id))
  }

  /** `peer` has said that it takes no claims. */
  exclude({ id }: Peer): void {
    this.#unsupported.delete(id)
    this.#unsupported.set(id, this.#components.clock.now())
    const [oldest] = this.#unsupported.keys()
    if (oldest !== undefined && this.#unsupported.size > MAX_UNSUPPORTED) this.#unsupported.delete(oldest)
  }

  #isUnsupported(id: string): boolean {
    const notedAt = this.#unsupported.get(id)
    return notedAt !== undefined && this.#components.clock.now() - notedAt < UNSUPPORTED_TTL_MS
  }
}
