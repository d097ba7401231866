import { randomUUID } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { Admission } from './admission.ts'
import type { Background } from './background.ts'
import type { Connections } from './connections.ts'
import { KadStreamBusyError } from './errors.ts'
import { type KadMessage, type KadPeer, kadMessage } from './kad-message.ts'
import type { MemberKeeper } from './member-keeper.ts'
import type { Member, MemberTable } from './members.ts'
import type { OwnPeer } from './own-peer.ts'
import { positionOf, recordKey } from './record-key.ts'
import { TokenBucket } from './token-bucket.ts'

/** After someone joined, members are asked whom else they know after this, twice as long each time… */
const FIRST_SWEEP_MS = 250
/** …up to this. */
const LONGEST_SWEEP_MS = 64_000
/** While sweeps of a large mesh find someone, the next follows after this. */
const FRUITFUL_SWEEP_MS = 1000
/** How long a node that might be dialled itself waits before it dials. */
const PRECEDENCE_MS = 500
/** Members asked in one sweep: half of them those nearest to the target, half at random. */
const MAX_SWEPT = 16
/**
 * New peers dialled in large meshes, where thousands become known at once. Each costs a handshake (bench/RESULTS.md), once,
 * however soon it is made: a newcomer spends a fifth of a core, for half a minute among a thousand nodes.
 */
export const DISCOVERY = { burst: 64, perSecond: 32 }

export interface MemberSearchComponents {
  readonly clock: Clock
  readonly random: () => number
  readonly own: OwnPeer
  readonly members: MemberTable
  readonly admission: Admission
  readonly connections: Connections
  readonly keeper: Pick<MemberKeeper, 'check' | 'isLarge'>
  readonly background: Background
}

/** Finds the nodes that members know and this node does not. */
export class MemberSearch {
  readonly #components: MemberSearchComponents
  readonly #discovery: TokenBucket
  #sweepMs = FIRST_SWEEP_MS
  #sweepSooner = new AbortController()

  constructor(components: MemberSearchComponents) {
    this.#components = components
    this.#discovery = new TokenBucket(components.clock, DISCOVERY)
  }

  start(): void {
    const { background, members } = this.#components
    members.subscribe({ joined: member => this.#joined(member) })
    background.run('sweep members', signal => this.#sweeps(signal))
  }

  /** Makes members, in the background, of those among `peers` that are none: a member has named them on some occasion. */
  learn(peers: readonly KadPeer[]): void {
    const news = this.#news(peers)
    if (news.length > 0)
      this.#components.background.run('learn of peers', async signal => void (await this.#dial(news, signal)))
  }

  #joined(member: Member): void {
    const { background, keeper, own } = this.#components
    if (keeper.isLarge) return
    background.run('explore member', async signal => void (await this.#explore(member, own.idBytes, signal)))
    // Who joins at the same time is known to the others only a moment later.
    if (this.#sweepMs === FIRST_SWEEP_MS) return
    this.#sweepMs = FIRST_SWEEP_MS
    this.#sweepSooner.abort()
  }

  async #sweeps(signal: AbortSignal): Promise<void> {
    const { clock } = this.#components
    for (let sweeps = 0; !signal.aborted; ) {
      this.#sweepSooner = new AbortController()
      const sooner = this.#sweepSooner.signal
      await clock.sleep(this.#sweepMs, { signal: AbortSignal.any([signal, sooner]) })
      if (signal.aborted || sooner.aborted) continue
      this.#sweepMs = Math.min(2 * this.#sweepMs, LONGEST_SWEEP_MS)
      const isFruitful = await this.#sweep(sweeps++, signal)
      if (isFruitful) this.#sweepMs = Math.min(this.#sweepMs, FRUITFUL_SWEEP_MS)
    }
  }

  /** @returns whether anyone became a member */
  async #sweep(index: number, signal: AbortSignal): Promise<boolean> {
    const { keeper, own } = this.#components
    // Those near this node look for records here; random targets come to cover the rest of the mesh.
    const target = index % 2 === 0 ? own.idBytes : randomTarget()
    const isScattered = keeper.isLarge && target !== own.idBytes
    const finds = await Promise.all(
      this.#swept(target).map(member => this.#explore(member, isScattered ? randomTarget() : target, signal)),
    )
    return finds.some(Boolean)
  }

  /** Whom to ask for `target`. In a large mesh only who is connected: anyone's word will do, a handshake is dear. */
  #swept(target: Uint8Array): readonly Member[] {
    const { connections, keeper, members, random } = this.#components
    const canAsk = (member: Member): boolean => !keeper.isLarge || connections.isConnected(member.peer.id)
    const pool = members.list().filter(canAsk)
    if (pool.length <= MAX_SWEPT) return pool
    const asked = new Set(members.closest(positionOf(target), MAX_SWEPT / 2).filter(canAsk))
    while (asked.size < MAX_SWEPT) {
      const drawn = pool[Math.floor(random() * pool.length)]
      if (drawn !== undefined) asked.add(drawn)
    }
    return [...asked]
  }

  /**
   * Asks `member` for the nodes nearest to `target` that it knows, and dials those that are new.
   * @returns whether any of them became a member
   */
  async #explore(member: Member, target: Uint8Array, signal: AbortSignal): Promise<boolean> {
    let answer: KadMessage
    try {
      answer = await member.stream.request(kadMessage('FIND_NODE', { key: target }), { signal })
    } catch (error) {
      if (!signal.aborted && !(error instanceof KadStreamBusyError)) this.#components.keeper.check(member)
      return false
    }
    return this.#dial(this.#news(answer.closer), signal)
  }

  #news(peers: readonly KadPeer[]): readonly KadPeer[] {
    const { admission, members } = this.#components
    return peers.filter(peer => !members.knows(peer.id) && admission.isNews(peer))
  }

  /** @returns whether any of `news` became a member */
  async #dial(news: readonly KadPeer[], signal: AbortSignal): Promise<boolean> {
    const { keeper, random } = this.#components
    // Who is left out now will be named again; from a random one on, lest the dead among them always come first.
    const start = Math.floor(random() * news.length)
    const dialled = [...news.slice(start), ...news.slice(0, start)].filter(
      () => !keeper.isLarge || this.#discovery.take(),
    )
    const admitted = await Promise.all(dialled.map(peer => this.#admit(peer, signal)))
    return admitted.some(found => found !== undefined)
  }

  /** Two nodes that learn of each other at the same time would dial each other: the greater id lets the lesser be first. */
  async #admit(peer: KadPeer, signal: AbortSignal): Promise<Member | undefined> {
    const { admission, clock, own } = this.#components
    if (Buffer.compare(own.idBytes, peer.id) > 0) await clock.sleep(PRECEDENCE_MS, { signal })
    return admission.admit(peer, { patient: true })
  }
}

function randomTarget(): Uint8Array {
  return recordKey(randomUUID()).bytes
}
