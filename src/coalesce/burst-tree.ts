import type { Digest } from '../oci/digest.ts'
import { rankOf } from './rank.ts'

/** Nodes that one node sends the same content to at most. */
const MAX_CHILDREN = 2
/** A parent that was moved this recently is not given up because its child saw it stall: it was starved from above. */
const MOVED_RECENTLY_MS = 30_000
/** A node whose parent was reported, and that has not complained itself after this long, is being fed after all. */
const ORPHANED_MS = 15_000
/** For this long, what a node said it has is taken for what it has. */
const OFFSET_KNOWN_MS = 5_000
/** How far a parent may be behind a child: it catches up before the child loses patience. */
const MAX_LAG_BYTES = 32 * 1024 * 1024

/** A node that claimed the content, and whom it gets it from. */
interface Place {
  readonly node: string
  /** Orders nodes at one depth, differently for each digest, so that an image's blobs do not all burden the same ones. */
  readonly rank: number
  readonly children: Set<Place>
  /** Undefined for one that fetches from upstream, or that lost its parent and has yet to say so. */
  parent: Place | undefined
  /** When its parent was reported by a sibling; undefined where it was not. */
  orphanedAt: number | undefined
  /** When it last got another source than before. */
  movedAt: number
  offset: number
  claimedAt: number
}

export interface TreeClaim {
  readonly node: string
  readonly offset: number
  readonly lost: readonly string[]
  readonly stalled: readonly string[]
  readonly behind: readonly string[]
}

/** Where a node's content comes from: upstream, or a parent. */
export type Source = { readonly kind: 'upstream' } | { readonly kind: 'parent'; readonly node: string; depth: number }

export interface BurstTreeOptions {
  readonly digest: Digest
  /** Whether a node is a live member of the mesh. */
  readonly isLive: (node: string) => boolean
  /** Told of a node that lost its place. */
  readonly onDropped: (node: string) => void
}

/**
 * Who gets one digest from whom. The first to claim fetches from upstream, the others form trees below: two children
 * each, shallow first. Never is a node put below itself.
 */
export class BurstTree {
  readonly #options: BurstTreeOptions
  readonly #places = new Map<string, Place>()

  constructor(options: BurstTreeOptions) {
    this.#options = options
  }

  get nodes(): Iterable<string> {
    return this.#places.keys()
  }

  get size(): number {
    return this.#places.size
  }

  has(node: string): boolean {
    return this.#places.has(node)
  }

  /** Gives the node a place, or confirms the one it has, unless it says that its parent is lost or behind. */
  claim(claim: TreeClaim, now: number): Source {
    const place = this.#places.get(claim.node) ?? this.#enter(claim.node)
    const isNew = place.claimedAt === Number.NEGATIVE_INFINITY
    place.claimedAt = now
    place.offset = claim.offset
    if (isNew) {
      this.#hang(place, this.#choose(place, avoidedBy(claim), now))
    } else if (this.#needsMove(place, claim)) {
      this.#dropLost(place, claim, now)
      this.#move(place, claim, now)
    }
    return sourceOf(place)
  }

  #enter(node: string): Place {
    const place = {
      node,
      rank: rankOf(node, this.#options.digest),
      children: new Set<Place>(),
      parent: undefined,
      orphanedAt: undefined,
      movedAt: Number.NEGATIVE_INFINITY,
      offset: 0,
      claimedAt: Number.NEGATIVE_INFINITY,
    }
    this.#places.set(node, place)
    return place
  }

  #needsMove({ parent, orphanedAt }: Place, claim: TreeClaim): boolean {
    if (parent === undefined) return orphanedAt !== undefined
    return avoidedBy(claim).has(parent.node) || !this.#options.isLive(parent.node)
  }

  /**
   * Drops the parent of a node that gave it up. What else hangs below it keeps its own children, and is left alone until
   * it complains too: the fault may have been between these two.
   */
  #dropLost({ parent }: Place, { lost, stalled }: TreeClaim, now: number): void {
    if (parent === undefined) return
    const isStarved = stalled.includes(parent.node) && now - parent.movedAt >= MOVED_RECENTLY_MS
    if (!lost.includes(parent.node) && !isStarved && this.#options.isLive(parent.node)) return
    detach(parent)
    for (const child of parent.children) {
      child.parent = undefined
      child.orphanedAt = now
    }
    this.#places.delete(parent.node)
    this.#options.onDropped(parent.node)
  }

  #move(place: Place, claim: TreeClaim, now: number): void {
    const parent = this.#choose(place, avoidedBy(claim), now)
    // A parent that stalled but was not dropped has lately been moved: it is given time before upstream is asked again.
    if (parent === undefined && place.parent !== undefined && claim.stalled.includes(place.parent.node)) return
    place.movedAt = now
    this.#hang(place, parent)
  }

  #hang(place: Place, parent: Place | undefined): void {
    detach(place)
    place.orphanedAt = undefined
    place.parent = parent
    parent?.children.add(place)
  }

  /** The shallowest node with a free place, for `place` to hang below. */
  #choose(place: Place, avoided: ReadonlySet<string>, now: number): Place | undefined {
    let level = [...this.#places.values()].filter(it => isRoot(it, now) && it !== place)
    while (level.length > 0) {
      const free = level.filter(it => it.children.size < MAX_CHILDREN && this.#isFit(it, { place, avoided, now }))
      const [best] = free.toSorted((a, b) => a.children.size - b.children.size || a.rank - b.rank)
      if (best !== undefined) return best
      // Nothing below `place` itself is looked at, or it would become its own ancestor.
      level = level.flatMap(it => Array.from(it.children)).filter(it => it !== place)
    }
    return undefined
  }

  #isFit(parent: Place, child: { place: Place; avoided: ReadonlySet<string>; now: number }): boolean {
    const { place, avoided, now } = child
    if (avoided.has(parent.node) || !this.#options.isLive(parent.node)) return false
    const isBehind = parent.offset + MAX_LAG_BYTES < place.offset
    return !(isBehind && now - parent.claimedAt < OFFSET_KNOWN_MS)
  }
}

/** Whether content flows down from here: it fetches from upstream, or is fed although its parent was reported. */
function isRoot(place: Place, now: number): boolean {
  if (place.parent !== undefined || place.claimedAt === Number.NEGATIVE_INFINITY) return false
  return place.orphanedAt === undefined || now - place.orphanedAt >= ORPHANED_MS
}

function avoidedBy({ lost, stalled, behind }: TreeClaim): ReadonlySet<string> {
  return new Set([...lost, ...stalled, ...behind])
}

function detach(place: Place): void {
  place.parent?.children.delete(place)
  place.parent = undefined
}

function sourceOf(place: Place): Source {
  if (place.parent === undefined) return { kind: 'upstream' }
  let depth = 0
  for (let above: Place | undefined = place.parent; above !== undefined; above = above.parent) depth += 1
  return { kind: 'parent', node: place.parent.node, depth }
}
