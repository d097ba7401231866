import { randomUUID } from 'node:crypto'
import type { Log } from '../../observability/log.ts'
import type { Clock } from '../clock.ts'
import type { Admission } from './admission.ts'
import type { Background } from './background.ts'
import type { Connections } from './connections.ts'
import { KadStreamBusyError } from './errors.ts'
import { type KadMessage, type KadPeer, kadMessage } from './kad-message.ts'
import type { Member, MemberTable } from './members.ts'
import type { OwnPeer } from './own-peer.ts'
import { positionOf, recordKey } from './record-key.ts'
import { isSameEndpoint } from './router-address.ts'
import { acceptsConnections } from './tcp-probe.ts'
import { TokenBucket } from './token-bucket.ts'

/** Up to so many members are all kept connected. Beyond it, connections come and go as requests need them. */
export const MAX_CONNECTED_MEMBERS = 250
/** Members are asked whether they are still there this often. */
export const PING_INTERVAL_MS = 30_000
/** Members probed in one interval where there are too many to be connected to. */
export const MAX_PROBES = 512
/** Probes at the same time. */
const MAX_PARALLEL_PROBES = 16
/** Pings, and probes, that fail before a member is given up. */
const ATTEMPTS = 2
/** After someone joined, members are asked whom else they know after this, twice as long each time… */
const FIRST_SWEEP_MS = 250
/** …up to this. */
const LONGEST_SWEEP_MS = 64_000
/** How long a node that might be dialled itself waits before it dials. */
const PRECEDENCE_MS = 500
/** Members asked in one sweep: half of them those nearest to the target, half at random. */
const MAX_SWEPT = 16
/** New peers dialled in large meshes, where thousands become known at once: each costs a handshake. */
export const DISCOVERY = { burst: 64, perSecond: 8 }
/** A lost member is dialled again after these waits: a restarted process takes seconds. */
const RETURN_DELAYS_MS = [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]
/** Lost members that are dialled again at the same time. */
const MAX_RETURNING = 64
/** A member that lasts less, or ends its connection again so soon, is let be for a while: it seems to refuse this node. */
const SHORT_LIFE_MS = 5000
/** The return delay to begin with then. */
const AFTER_SHORT_LIFE = 1

export interface MemberKeeperComponents {
  readonly log: Log
  readonly clock: Clock
  readonly random: () => number
  readonly own: OwnPeer
  readonly members: MemberTable
  readonly admission: Admission
  readonly connections: Connections
  readonly background: Background
}

export interface MemberKeeperOptions {
  /** Default: {@link MAX_CONNECTED_MEMBERS}. */
  readonly maxConnectedMembers?: number
}

/** Watches over members: asks them for others they know, makes sure that they are there, removes those that are not. */
export class MemberKeeper {
  readonly #components: MemberKeeperComponents
  readonly #maxConnectedMembers: number
  readonly #checked = new Set<Member>()
  readonly #reconnectedAt = new WeakMap<Member, number>()
  readonly #discovery: TokenBucket
  #returning = 0
  #sweepMs = FIRST_SWEEP_MS
  #sweepSooner = new AbortController()
  /** Whose turn the next probe is. */
  #probed = 0

  constructor(components: MemberKeeperComponents, options: MemberKeeperOptions = {}) {
    this.#components = components
    this.#maxConnectedMembers = options.maxConnectedMembers ?? MAX_CONNECTED_MEMBERS
    this.#discovery = new TokenBucket(components.clock, DISCOVERY)
  }

  start(): void {
    const { background, connections, members } = this.#components
    members.subscribe({ joined: member => this.#joined(member), left: member => member.stream.close() })
    connections.onDisconnect(id => this.#disconnected(id))
    background.run('ping members', signal => this.#watch(signal))
    background.run('sweep members', signal => this.#sweeps(signal))
  }

  /** Finds out whether a member that failed to answer is still there; it is passed over until then. */
  check(member: Member): void {
    const { background, members } = this.#components
    if (this.#checked.has(member) || members.get(member.peer.id) !== member) return
    this.#checked.add(member)
    members.doubt(member)
    background.run('check member', async signal => {
      await this.#prove(member, signal)
      this.#checked.delete(member)
    })
  }

  get #isLarge(): boolean {
    return this.#components.members.size > this.#maxConnectedMembers
  }

  #joined(member: Member): void {
    const { background, members, own } = this.#components
    // Where one node answers there is no other: the earlier member was a process that has restarted as a new one.
    for (const other of members.list()) {
      if (other !== member && isSameEndpoint(other.router, member.router)) this.check(other)
    }
    if (this.#isLarge) return
    background.run('explore member', async signal => void (await this.#explore(member, own.idBytes, signal)))
    // Who joins at the same time is known to the others only a moment later.
    this.#sweepSoon()
  }

  #sweepSoon(): void {
    if (this.#sweepMs === FIRST_SWEEP_MS) return
    this.#sweepMs = FIRST_SWEEP_MS
    this.#sweepSooner.abort()
  }

  /** In a large mesh peers close connections as they please, and who is gone shows at the next request or probe. */
  #disconnected(id: string): void {
    const { clock, members } = this.#components
    const member = members.get(id)
    if (member === undefined || this.#isLarge) return
    const reconnectedAt = this.#reconnectedAt.get(member) ?? Number.NEGATIVE_INFINITY
    if (clock.now() - reconnectedAt < SHORT_LIFE_MS) return
    this.#reconnectedAt.set(member, clock.now())
    this.check(member)
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { clock, connections, members } = this.#components
    while (!signal.aborted) {
      if (this.#isLarge) await this.#probeSome(signal)
      else await Promise.all(members.list().map(member => this.#prove(member, signal)))
      connections.settle()
      await clock.sleep(PING_INTERVAL_MS, { signal })
    }
  }

  /** Pings `member`, connecting to it if need be, and removes it where it does not answer. */
  async #prove(member: Member, signal: AbortSignal): Promise<void> {
    const { members } = this.#components
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const isThere = await this.#ping(member, signal)
      if (signal.aborted) return
      if (isThere) return members.trust(member)
    }
    this.#lose(member)
  }

  async #ping(member: Member, signal: AbortSignal): Promise<boolean> {
    try {
      await member.stream.request(kadMessage('PING'), { signal })
      return true
    } catch (error) {
      return error instanceof KadStreamBusyError
    }
  }

  async #probeSome(signal: AbortSignal): Promise<void> {
    const all = this.#components.members.list()
    const start = this.#probed < all.length ? this.#probed : 0
    const some = all.slice(start, start + MAX_PROBES)
    this.#probed = start + some.length
    const turns = some.values()
    const probe = async (): Promise<void> => {
      for (const member of turns) {
        if (signal.aborted) return
        await this.#probeOne(member, signal)
      }
    }
    await Promise.all(Array.from({ length: MAX_PARALLEL_PROBES }, probe))
  }

  async #probeOne(member: Member, signal: AbortSignal): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (await acceptsConnections(member.router, { signal })) return
      if (signal.aborted) return
    }
    this.#lose(member)
  }

  async #sweeps(signal: AbortSignal): Promise<void> {
    const { clock, own } = this.#components
    for (let sweeps = 0; !signal.aborted; ) {
      this.#sweepSooner = new AbortController()
      const sooner = this.#sweepSooner.signal
      await clock.sleep(this.#sweepMs, { signal: AbortSignal.any([signal, sooner]) })
      if (signal.aborted || sooner.aborted) continue
      this.#sweepMs = Math.min(2 * this.#sweepMs, LONGEST_SWEEP_MS)
      // Those near this node look for records here; random targets come to cover the rest of the mesh.
      const target = sweeps++ % 2 === 0 ? own.idBytes : recordKey(randomUUID()).bytes
      const finds = await Promise.all(this.#swept(target).map(member => this.#explore(member, target, signal)))
      if (finds.some(Boolean)) this.#sweepMs = Math.min(this.#sweepMs, 4 * FIRST_SWEEP_MS)
    }
  }

  /** Whom to ask for `target`. In a large mesh only who is connected: anyone's word will do, a handshake is dear. */
  #swept(target: Uint8Array): readonly Member[] {
    const { connections, members, random } = this.#components
    const canAsk = (member: Member): boolean => !this.#isLarge || connections.isConnected(member.peer.id)
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
   * @returns whether any of them became a member.
   */
  async #explore(member: Member, target: Uint8Array, signal: AbortSignal): Promise<boolean> {
    const { admission, random } = this.#components
    let answer: KadMessage
    try {
      answer = await member.stream.request(kadMessage('FIND_NODE', { key: target }), { signal })
    } catch (error) {
      if (!signal.aborted && !(error instanceof KadStreamBusyError)) this.check(member)
      return false
    }
    const news = answer.closer.filter(peer => admission.isNews(peer))
    // Who is left out now will be named again; from a random one on, lest the dead among them always come first.
    const start = Math.floor(random() * news.length)
    const dialled = [...news.slice(start), ...news.slice(0, start)].filter(
      () => !this.#isLarge || this.#discovery.take(),
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

  #lose(member: Member): void {
    const { background, connections, log, members } = this.#components
    if (members.get(member.peer.id) !== member) return
    members.remove(member)
    connections.drop(member.peer.id, 'no answer')
    log.info('member lost', { peer: member.peer.id, host: member.router.host, members: members.size })
    if (this.#returning >= MAX_RETURNING) return
    this.#returning++
    background.run('dial lost member', async signal => {
      try {
        await this.#awaitReturn(member, signal)
      } finally {
        this.#returning--
      }
    })
  }

  /** Dials where `member` was until someone answers, be it a new process with another id. */
  async #awaitReturn(member: Member, signal: AbortSignal): Promise<void> {
    const { admission, clock, log, random } = this.#components
    const first = clock.now() - member.joinedAt < SHORT_LIFE_MS ? AFTER_SHORT_LIFE : 0
    for (const delayMs of RETURN_DELAYS_MS.slice(first)) {
      await clock.sleep(delayMs * (0.5 + random()), { signal })
      if (signal.aborted) return
      try {
        await admission.join({ id: undefined, endpoints: [member.router] })
        return
      } catch (error) {
        log.debug('lost member cannot be reached', { peer: member.peer.id, error })
      }
    }
  }
}
