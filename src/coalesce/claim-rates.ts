import type { Clock } from '../routing/clock.ts'

/** Claims that one address may make in a second, on average: some images at once, and what goes wrong with them. */
const CLAIMS_PER_SECOND = 100
/** Claims that one address may make at once: as many as a node may have bursts. */
const MAX_CLAIMS_AT_ONCE = 512
/** Addresses remembered; the one that was quiet for longest is forgotten first. */
const MAX_ADDRESSES = 10_000

interface Allowance {
  readonly claims: number
  readonly at: number
}

/** Limits how many claims one address makes, whatever node it says it is. */
export class ClaimRates {
  readonly #clock: Pick<Clock, 'now'>
  /** The one that was quiet for longest comes first. */
  readonly #allowances = new Map<string, Allowance>()

  constructor(components: { readonly clock: Pick<Clock, 'now'> }) {
    this.#clock = components.clock
  }

  /** Takes one claim from what `address` may make; false where that is used up. */
  take(address: string): boolean {
    const now = this.#clock.now()
    const { claims, at } = this.#allowances.get(address) ?? { claims: MAX_CLAIMS_AT_ONCE, at: now }
    const allowed = Math.min(MAX_CLAIMS_AT_ONCE, claims + ((now - at) / 1000) * CLAIMS_PER_SECOND)
    this.#allowances.delete(address)
    this.#allowances.set(address, { claims: allowed < 1 ? allowed : allowed - 1, at: now })
    const [quietest] = this.#allowances.keys()
    if (quietest !== undefined && this.#allowances.size > MAX_ADDRESSES) this.#allowances.delete(quietest)
    return allowed >= 1
  }
}
