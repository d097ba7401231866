import type { CallOptions, Endpoint, MemberChange, Peer } from '../router.ts'
import { nameOf } from './bytes-name.ts'
import { ChangeFeed } from './change-feed.ts'
import type { KadPeer } from './kad-message.ts'
import type { KadStream } from './kad-stream.ts'
import { PositionIndex } from './position-index.ts'
import { compareDistance } from './record-key.ts'
import type { RecordsStream } from './records-stream.ts'

/** Live members kept. Beyond it nobody is admitted until someone leaves. */
export const MAX_MEMBERS = 8192

/** A live node of the mesh. Its identity and IP address are proven; whether it is connected is of no account. */
export interface Member {
  readonly peer: Peer
  /** Where its router answers. */
  readonly router: Endpoint
  /** Its place in the key space. */
  readonly position: Buffer
  /** How other nodes are told of it. */
  readonly kadPeer: KadPeer
  /** Kad requests to it; connects on demand. */
  readonly stream: KadStream
  /** Requests of the records protocol to it, where it speaks that; connects on demand. */
  readonly records: RecordsStream | undefined
  /** By the clock of the table. */
  readonly joinedAt: number
}

/** Told of members as they come and go. */
export interface MemberListener {
  joined?(member: Member): void
  /** It was doubted, and has answered after all. */
  returned?(member: Member): void
  left?(member: Member): void
}

/** The live members, this node not included. */
export class MemberTable {
  readonly #members = new Map<string, Member>()
  readonly #names = new Set<string>()
  readonly #doubted = new Set<Member>()
  /** Those that are not doubted. */
  readonly #index = new PositionIndex<Member>()
  readonly #listeners = new Set<MemberListener>()

  get size(): number {
    return this.#members.size
  }

  subscribe(listener: MemberListener): void {
    this.#listeners.add(listener)
  }

  /** What happens from now on, until `signal` aborts. */
  changes({ signal }: CallOptions): AsyncIterable<MemberChange> {
    const feed = new ChangeFeed()
    const listener = {
      joined: ({ peer }: Member) => feed.push({ type: 'joined', peer }),
      left: ({ peer }: Member) => feed.push({ type: 'left', peer }),
    }
    this.#listeners.add(listener)
    signal.addEventListener('abort', () => this.#listeners.delete(listener), { once: true })
    return feed.read({ signal })
  }

  get(id: string): Member | undefined {
    return this.#members.get(id)
  }

  /** Whether the peer whose id has these bytes is a member: at a fraction of the time that the text form takes. */
  knows(id: Uint8Array): boolean {
    return this.#names.has(nameOf(id))
  }

  /** The member with this id, unless there is reason to think that it is gone. */
  trusted(id: string): Member | undefined {
    const member = this.#members.get(id)
    return member === undefined || this.#doubted.has(member) ? undefined : member
  }

  list(): readonly Member[] {
    return [...this.#members.values()]
  }

  /** The `count` members nearest to `position`, nearest first; doubted ones are passed over. */
  closest(position: Buffer, count: number): readonly Member[] {
    return this.#index.nearest(position, count)
  }

  /** As {@link closest}, but doubted ones are among them. */
  closestOfAll(position: Buffer, count: number): readonly Member[] {
    const trusted = this.closest(position, count)
    if (this.#doubted.size === 0) return trusted
    const all = [...trusted, ...this.#doubted]
    return all.toSorted((a, b) => compareDistance(position, a.position, b.position)).slice(0, count)
  }

  add(member: Member): void {
    this.#members.set(member.peer.id, member)
    this.#names.add(nameOf(member.kadPeer.id))
    this.#index.add(member)
    for (const listener of this.#listeners) listener.joined?.(member)
  }

  /** Passes `member` over until it is trusted again: it failed to answer, and is being asked whether it is there. */
  doubt(member: Member): void {
    if (this.#members.get(member.peer.id) !== member || this.#doubted.has(member)) return
    this.#doubted.add(member)
    this.#index.remove(member)
  }

  /** `member` has answered after all. */
  trust(member: Member): void {
    if (!this.#doubted.delete(member)) return
    this.#index.add(member)
    for (const listener of this.#listeners) listener.returned?.(member)
  }

  remove(member: Member): void {
    if (this.#members.get(member.peer.id) !== member) return
    this.#members.delete(member.peer.id)
    this.#names.delete(nameOf(member.kadPeer.id))
    if (!this.#doubted.delete(member)) this.#index.remove(member)
    for (const listener of this.#listeners) listener.left?.(member)
  }
}
