import type { Log } from '../../observability/log.ts'
import type { Clock } from '../clock.ts'
import type { Admission } from './admission.ts'
import type { Background } from './background.ts'
import type { Connections } from './connections.ts'
import { KadStreamBusyError } from './errors.ts'
import { kadMessage } from './kad-message.ts'
import type { Member, MemberTable } from './members.ts'
import { isSameEndpoint } from './router-address.ts'
import { acceptsConnections } from './tcp-probe.ts'

/** Up to so many members are all kept connected. Beyond it, connections come and go as requests need them. */
export const MAX_CONNECTED_MEMBERS = 250
/** Members are asked whether they are still there this often. */
export const PING_INTERVAL_MS = 30_000
/**
 * Members probed in one interval where there are too many to be connected to: two a second cost each side a quarter of a
 * percent of a core. They are there for members that nobody has anything to do with; of others it shows sooner, for each
 * refresh of provider records calls on most members, and a failed call has them checked.
 */
export const MAX_PROBES = 64
/** Probes at the same time. */
const MAX_PARALLEL_PROBES = 16
/** Pings, and probes, that fail before a member is given up. */
const ATTEMPTS = 2
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
  readonly members: MemberTable
  readonly admission: Admission
  readonly connections: Connections
  readonly background: Background
}

export interface MemberKeeperOptions {
  /** Default: {@link MAX_CONNECTED_MEMBERS}. */
  readonly maxConnectedMembers?: number
}

/** Watches over members: makes sure that they are there, removes those that are not, and looks for those to return. */
export class MemberKeeper {
  readonly #components: MemberKeeperComponents
  readonly #maxConnectedMembers: number
  readonly #checked = new Set<Member>()
  readonly #reconnectedAt = new WeakMap<Member, number>()
  #returning = 0
  /** Whose turn the next probe is. */
  #probed = 0

  constructor(components: MemberKeeperComponents, options: MemberKeeperOptions = {}) {
    this.#components = components
    this.#maxConnectedMembers = options.maxConnectedMembers ?? MAX_CONNECTED_MEMBERS
  }

  start(): void {
    const { background, connections, members } = this.#components
    members.subscribe({ joined: member => this.#joined(member), left: member => member.stream.close() })
    connections.onDisconnect(id => this.#disconnected(id))
    background.run('ping members', signal => this.#watch(signal))
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

  /** Whether there are too many members to be connected to all of them. */
  get isLarge(): boolean {
    return this.#components.members.size > this.#maxConnectedMembers
  }

  #joined(member: Member): void {
    const { members } = this.#components
    // Where one node answers there is no other: the earlier member was a process that has restarted as a new one.
    for (const other of members.list()) {
      if (other !== member && isSameEndpoint(other.router, member.router)) this.check(other)
    }
  }

  /** In a large mesh peers close connections as they please, and who is gone shows at the next request or probe. */
  #disconnected(id: string): void {
    const { clock, members } = this.#components
    const member = members.get(id)
    if (member === undefined || this.isLarge) return
    const reconnectedAt = this.#reconnectedAt.get(member) ?? Number.NEGATIVE_INFINITY
    if (clock.now() - reconnectedAt < SHORT_LIFE_MS) return
    this.#reconnectedAt.set(member, clock.now())
    this.check(member)
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { clock, connections, members } = this.#components
    while (!signal.aborted) {
      if (this.isLarge) await this.#probeSome(signal)
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

  /** Probes the next members. Of those connected to it shows when they end; until then their turn is another's. */
  async #probeSome(signal: AbortSignal): Promise<void> {
    const { connections, members } = this.#components
    const all = members.list()
    const start = this.#probed < all.length ? this.#probed : 0
    const some: Member[] = []
    for (this.#probed = start; this.#probed < all.length && some.length < MAX_PROBES; this.#probed++) {
      const member = all[this.#probed]
      if (member !== undefined && !connections.isConnected(member.peer.id)) some.push(member)
    }
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
