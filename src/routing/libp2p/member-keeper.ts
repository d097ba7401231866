import { randomUUID } from 'node:crypto'
import type { Log } from '../../observability/log.ts'
import type { Clock } from '../clock.ts'
import type { Admission } from './admission.ts'
import type { Background } from './background.ts'
import { KadStreamBusyError } from './errors.ts'
import { type KadMessage, kadMessage } from './kad-message.ts'
import type { Member, MemberTable } from './members.ts'
import type { OwnPeer } from './own-peer.ts'
import { recordKey } from './record-key.ts'

/** Members are pinged this often. Stock kad servers drop a stream that is idle for 10 s. */
const PING_INTERVAL_MS = 8000
/** After someone joined, all members are asked whom else they know after this, twice as long each time… */
const FIRST_SWEEP_MS = 250
/** …up to this. */
const LONGEST_SWEEP_MS = 64_000
/** A lost member is dialled again at once, then after these waits: a restarted process takes seconds. */
const RETURN_DELAYS_MS = [0, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]
/** Lost members that are dialled again at the same time. */
const MAX_RETURNING = 64
/** A member that lasted less is not dialled again at once: it seems to refuse this node. */
const SHORT_LIFE_MS = 5000

export interface MemberKeeperComponents {
  readonly log: Log
  readonly clock: Clock
  readonly random: () => number
  readonly own: OwnPeer
  readonly members: MemberTable
  readonly admission: Admission
  readonly background: Background
}

/** Watches over members: asks each for others it knows, pings it, and removes it when it is gone. */
export class MemberKeeper {
  readonly #components: MemberKeeperComponents
  readonly #checked = new Set<Member>()
  #returning = 0
  #sweepMs = FIRST_SWEEP_MS
  #sweepSooner = new AbortController()

  constructor(components: MemberKeeperComponents) {
    this.#components = components
  }

  start(): void {
    const { members, background } = this.#components
    members.subscribe({ joined: member => this.#joined(member) })
    background.run('ping members', signal => this.#pings(signal))
    background.run('sweep members', signal => this.#sweeps(signal))
  }

  /** Finds out whether a member that failed to answer is still there. */
  check(member: Member): void {
    if (this.#checked.has(member)) return
    this.#checked.add(member)
    this.#components.background.run('check member', async signal => {
      await this.#ping(member, signal)
      this.#checked.delete(member)
    })
  }

  #joined(member: Member): void {
    const { background, clock, own } = this.#components
    const since = clock.now()
    member.connection.addEventListener('close', () => this.#lost(member, clock.now() - since))
    background.run('explore member', signal => this.#explore(member, own.idBytes, signal))
    // Who joins at the same time is known to the others only a moment later.
    if (this.#sweepMs === FIRST_SWEEP_MS) return
    this.#sweepMs = FIRST_SWEEP_MS
    this.#sweepSooner.abort()
  }

  async #pings(signal: AbortSignal): Promise<void> {
    const { clock, members } = this.#components
    while (!signal.aborted) {
      await Promise.all(members.list().map(member => this.#ping(member, signal)))
      await clock.sleep(PING_INTERVAL_MS, { signal })
    }
  }

  async #sweeps(signal: AbortSignal): Promise<void> {
    const { clock, members, own } = this.#components
    for (let sweeps = 0; !signal.aborted; ) {
      this.#sweepSooner = new AbortController()
      const sooner = this.#sweepSooner.signal
      await clock.sleep(this.#sweepMs, { signal: AbortSignal.any([signal, sooner]) })
      if (signal.aborted || sooner.aborted) continue
      this.#sweepMs = Math.min(2 * this.#sweepMs, LONGEST_SWEEP_MS)
      // Those near this node look for records here; random targets come to cover the rest of the mesh.
      const target = sweeps++ % 2 === 0 ? own.idBytes : recordKey(randomUUID()).bytes
      await Promise.all(members.list().map(member => this.#explore(member, target, signal)))
    }
  }

  async #ping(member: Member, signal: AbortSignal): Promise<void> {
    await this.#request(member, kadMessage('PING'), signal)
  }

  /** Asks `member` for the nodes nearest to `target` that it knows, and dials those that are new. */
  async #explore(member: Member, target: Uint8Array, signal: AbortSignal): Promise<void> {
    const answer = await this.#request(member, kadMessage('FIND_NODE', { key: target }), signal)
    await Promise.all(answer?.closer.map(peer => this.#components.admission.admit(peer)) ?? [])
  }

  /** A member that does not answer loses its connection, and with it its membership. */
  async #request(member: Member, message: KadMessage, signal: AbortSignal): Promise<KadMessage | undefined> {
    try {
      return await member.stream.request(message, { signal })
    } catch (error) {
      if (!signal.aborted && !(error instanceof KadStreamBusyError)) {
        this.#components.log.debug('member does not answer', { peer: member.peer.id, error })
        member.connection.abort(new Error('no answer', { cause: error }))
      }
      return undefined
    }
  }

  #lost(member: Member, livedMs: number): void {
    const { background, log, members } = this.#components
    members.remove(member)
    member.stream.close()
    if (background.signal.aborted) return
    log.info('member lost', { peer: member.peer.id, host: member.router.host, members: members.size })
    if (this.#returning >= MAX_RETURNING) return
    this.#returning++
    background.run('dial lost member', async signal => {
      try {
        await this.#awaitReturn(member, livedMs < SHORT_LIFE_MS ? 1 : 0, signal)
      } finally {
        this.#returning--
      }
    })
  }

  /** Dials where `member` was until someone answers, be it a new process with another id. */
  async #awaitReturn(member: Member, skip: number, signal: AbortSignal): Promise<void> {
    const { admission, clock, log, random } = this.#components
    for (const delayMs of RETURN_DELAYS_MS.slice(skip)) {
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
