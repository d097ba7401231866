import type { Digest } from '../oci/digest.ts'
import type { Clock } from '../routing/clock.ts'
import { BurstTree } from './burst-tree.ts'
import type { Claim, ClaimAnswer } from './claim.ts'

/** A burst nobody claimed anything of for this long is forgotten: its content can be found like any other by then. */
const BURST_TTL_MS = 30 * 60_000
/** Places of all bursts together; some 20 MB. The burst that was quiet for longest is forgotten first. */
const MAX_PLACES = 50_000
/** Bursts that one node takes part in at once; an image has no more than 128 blobs, and kubelet pulls few at a time. */
const MAX_BURSTS_PER_NODE = 512

export interface CoordinatorComponents {
  readonly clock: Pick<Clock, 'now'>
  /** Whether a node is a live member of the mesh, oneself included. */
  readonly isLive: (node: string) => boolean
  /** The live member that is closer to `key` than this node, and closest of all; undefined where that is this node. */
  readonly closer: (key: string) => string | undefined
}

interface Burst {
  readonly tree: BurstTree
  touchedAt: number
}

/**
 * Decides who fetches content from upstream and who follows whom, for the digests this node is closest to. All it knows
 * is soft: where it is lost, content is fetched from upstream once more.
 */
export class Coordinator {
  readonly #components: CoordinatorComponents
  /** The one that was quiet for longest comes first. */
  readonly #bursts = new Map<Digest, Burst>()
  readonly #burstsOf = new Map<string, number>()
  #places = 0

  constructor(components: CoordinatorComponents) {
    this.#components = components
  }

  /** How many nodes have a place in a burst. */
  get places(): number {
    return this.#places
  }

  /** Whether a node other than `node` has a place in the burst of `digest`. */
  isShared(digest: Digest, node: string): boolean {
    const tree = this.#bursts.get(digest)?.tree
    return tree !== undefined && tree.size > (tree.has(node) ? 1 : 0)
  }

  /** Answers a claim. The same claim again gets the same answer, until something changed. */
  claim(claim: Claim): ClaimAnswer {
    const { clock, closer, isLive } = this.#components
    if (!isLive(claim.node)) return { outcome: 'refused' }
    const to = claim.redirected ? undefined : closer(claim.digest)
    if (to !== undefined && to !== claim.node) return { outcome: 'redirect', to }
    const now = clock.now()
    this.#expire(now)
    const burst = this.#bursts.get(claim.digest) ?? { tree: this.#plant(claim.digest), touchedAt: now }
    const { tree } = burst
    if (!tree.has(claim.node) && (this.#burstsOf.get(claim.node) ?? 0) >= MAX_BURSTS_PER_NODE) {
      return { outcome: 'refused' }
    }
    if (!tree.has(claim.node)) this.#count(claim.node, 1)
    const source = tree.claim(claim, now)
    burst.touchedAt = now
    this.#bursts.delete(claim.digest)
    this.#bursts.set(claim.digest, burst)
    this.#makeRoom(claim.digest)
    if (source.kind === 'upstream') return { outcome: 'granted' }
    return { outcome: 'follow', parents: [source.node], depth: source.depth }
  }

  #plant(digest: Digest): BurstTree {
    return new BurstTree({ digest, isLive: this.#components.isLive, onDropped: node => this.#count(node, -1) })
  }

  #expire(now: number): void {
    for (const [digest, burst] of this.#bursts) {
      if (now - burst.touchedAt < BURST_TTL_MS) return
      this.#forget(digest, burst)
    }
  }

  #makeRoom(kept: Digest): void {
    for (const [digest, burst] of this.#bursts) {
      if (this.#places <= MAX_PLACES) return
      if (digest !== kept) this.#forget(digest, burst)
    }
  }

  #forget(digest: Digest, { tree }: Burst): void {
    this.#bursts.delete(digest)
    for (const node of tree.nodes) this.#count(node, -1)
  }

  #count(node: string, change: 1 | -1): void {
    this.#places += change
    const count = (this.#burstsOf.get(node) ?? 0) + change
    if (count === 0) this.#burstsOf.delete(node)
    else this.#burstsOf.set(node, count)
  }
}
