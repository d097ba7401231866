import { startFairTimeout } from '../http/fair-timeout.ts'
import type { Clock } from '../routing/clock.ts'
import type { CallOptions } from '../routing/router.ts'
import type { Claim, ClaimAnswer } from './claim.ts'
import type { Coordinator } from './coordinator.ts'

/** How long a hedged claim is kept for another node's to show that there is a burst. */
const HOLD_MS = 50
/** Claims of several nodes within this time are taken for a burst. */
const BURST_MS = 2000

export interface ClaimDeskComponents {
  readonly coordinator: Pick<Coordinator, 'claim' | 'isShared'>
  readonly clock: Pick<Clock, 'now'>
  /** Default: `startFairTimeout`. */
  readonly startTimeout?: typeof startFairTimeout
}

interface Claimed {
  readonly node: string
  readonly at: number
}

/**
 * Takes claims for the coordinator of this node, among them those that are made to it because a closer one has not
 * answered yet. Whether that one is gone, or has a burst's claims to answer, the claims tell that come here: where those of
 * other nodes do too, a node is told to go on waiting, or each moment of hesitation would cost a fetch from upstream. A node
 * that asks alone is answered.
 */
export class ClaimDesk {
  readonly #coordinator: ClaimDeskComponents['coordinator']
  readonly #clock: Pick<Clock, 'now'>
  readonly #startTimeout: typeof startFairTimeout
  /** The last claims that are known of two nodes. */
  #latest: readonly Claimed[] = []

  constructor({ coordinator, clock, startTimeout = startFairTimeout }: ClaimDeskComponents) {
    this.#coordinator = coordinator
    this.#clock = clock
    this.#startTimeout = startTimeout
  }

  /** It is known by now that `node` has made a claim: here, or elsewhere, which may be some time ago. */
  note(node: string): void {
    const other = this.#latest.find(claimed => claimed.node !== node)
    this.#latest = [{ node, at: this.#clock.now() }, ...(other === undefined ? [] : [other])]
  }

  /** Answers a claim, a hedged one up to 50 ms later. Rejects only with the reason of `signal`. */
  async claim({ hedged = false, ...claim }: Claim, { signal }: CallOptions): Promise<ClaimAnswer> {
    const { digest, node } = claim
    this.note(node)
    if (!hedged) return this.#coordinator.claim(claim)
    if (!this.#coordinator.isShared(digest, node)) {
      if (this.#isAlone(node)) await this.#hold()
      signal.throwIfAborted()
      if (!this.#isAlone(node)) return { outcome: 'wait' }
    }
    return this.#coordinator.claim({ ...claim, redirected: true })
  }

  #isAlone(node: string): boolean {
    const since = this.#clock.now() - BURST_MS
    return this.#latest.every(claimed => claimed.node === node || claimed.at <= since)
  }

  async #hold(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    using _timeout = this.#startTimeout(HOLD_MS, resolve)
    await promise
  }
}
