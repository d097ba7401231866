import type { Placed, PositionIndex } from './position-index.ts'

/** Members nearest to a key that hold its records, while there are no more than so many members at all… */
export const REPLICATION = 20
/** …and beyond that as far as they are Spegel's own, whose lookups ask only {@link ASKED} of them. Go's ask all 20. */
export const OWN_REPLICATION = 5
/** Members nearest to a key that a lookup asks… */
export const ASKED = 3
/** …and as long as one of those is so new that it may not have been told of the key yet. */
export const ASKED_UNSETTLED = 20
/** How long finding out about a new member and telling it of its keys takes beyond {@link handOverMs}. */
const SETTLE_MS = 10_000
/** All members turn to one whose neighbourhood changed, and a handshake takes this much of its time or somewhat less. */
const HAND_OVER_MS_PER_MEMBER = 20

/** What a member understands: `spegel` the records protocol too, `kad` only kad messages (Go Spegel, stock kad-dht). */
export type MemberKind = 'spegel' | 'kad'

/** A member as far as placement is concerned. */
export interface PlacedMember extends Placed {
  readonly kind: MemberKind
}

export interface Placement<Member> {
  /** The members that are to hold the records of the key, nearest first. */
  readonly holders: readonly Member[]
  /** Whoever comes or goes at a {@link roughDistance} beyond this does not matter to the key. */
  readonly reach: number
}

/** Who is to hold the records of the key at `position`. */
export function placementOf<Member extends PlacedMember>(
  members: PositionIndex<Member>,
  position: Buffer,
): Placement<Member> {
  const nearest = members.nearest(position, REPLICATION)
  if (members.size <= REPLICATION) return { holders: nearest, reach: Number.POSITIVE_INFINITY }
  const farthest = nearest.at(-1)
  return {
    holders: nearest.filter(({ kind }, rank) => kind === 'kad' || rank < OWN_REPLICATION),
    reach: farthest === undefined ? Number.POSITIVE_INFINITY : roughDistance(position, farthest.position),
  }
}

/** The leading 32 bits of the XOR distance. */
export function roughDistance(a: Buffer, b: Buffer): number {
  return (a.readUInt32BE(0) ^ b.readUInt32BE(0)) >>> 0
}

/** Over how long a time a mesh of `members` spreads the hand-over of keys to one of them. */
export function handOverMs(members: number): number {
  return members * HAND_OVER_MS_PER_MEMBER
}

/**
 * How many of the members nearest to a key a lookup has to ask.
 * @param nearest when each of the nearest {@link ASKED} became a member
 * @param members how many there are in all
 */
export function askedCount(nearest: readonly number[], members: number, now: number): number {
  const settledBefore = now - SETTLE_MS - handOverMs(members)
  return nearest.every(joinedAt => joinedAt < settledBefore) ? ASKED : ASKED_UNSETTLED
}
