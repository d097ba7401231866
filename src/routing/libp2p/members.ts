import type { Connection } from '@libp2p/interface'
import type { Clock } from '../clock.ts'
import type { Endpoint, Peer } from '../router.ts'
import type { KadPeer } from './kad-message.ts'
import type { KadStream } from './kad-stream.ts'
import { compareDistance } from './record-key.ts'

/** Live members kept. Each costs a connection either way. */
export const MAX_MEMBERS = 256
/** How long after a member joined the records of the keys next to it may still be on their way to it. */
const SETTLE_MS = 10_000

/** A live node of the mesh: this node has dialled it, and so proved its identity and address. */
export interface Member {
  readonly peer: Peer
  /** Where its router answered. */
  readonly router: Endpoint
  /** Its place in the key space. */
  readonly position: Buffer
  /** How other nodes are told of it. */
  readonly kadPeer: KadPeer
  readonly stream: KadStream
  readonly connection: Connection
}

/** Told of members as they come and go. */
export interface MemberListener {
  joined?(member: Member): void
  left?(member: Member): void
}

/** The live members, this node not included. */
export class MemberTable {
  readonly #clock: Pick<Clock, 'now'>
  readonly #members = new Map<string, Member>()
  readonly #listeners: MemberListener[] = []
  #joinedAt = Number.NEGATIVE_INFINITY

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  get size(): number {
    return this.#members.size
  }

  /** Whether the latest member has been there long enough to hold the records it should. */
  get settled(): boolean {
    return this.#clock.now() - this.#joinedAt > SETTLE_MS
  }

  subscribe(listener: MemberListener): void {
    this.#listeners.push(listener)
  }

  get(id: string): Member | undefined {
    return this.#members.get(id)
  }

  list(): readonly Member[] {
    return [...this.#members.values()]
  }

  /** The `count` members nearest to `position`, nearest first. */
  closest(position: Buffer, count: number): readonly Member[] {
    return this.list()
      .toSorted((a, b) => compareDistance(position, a.position, b.position))
      .slice(0, count)
  }

  /** Whether `member` is among the `count` members nearest to `position`. */
  isAmongClosest(member: Member, position: Buffer, count: number): boolean {
    if (this.size <= count) return true
    let nearer = 0
    for (const other of this.#members.values()) {
      if (compareDistance(position, other.position, member.position) < 0 && ++nearer >= count) return false
    }
    return true
  }

  add(member: Member): void {
    this.#members.set(member.peer.id, member)
    this.#joinedAt = this.#clock.now()
    for (const listener of this.#listeners) listener.joined?.(member)
  }

  remove(member: Member): void {
    if (this.#members.get(member.peer.id) !== member) return
    this.#members.delete(member.peer.id)
    for (const listener of this.#listeners) listener.left?.(member)
  }
}
