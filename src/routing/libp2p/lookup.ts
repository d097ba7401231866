import type { Clock } from '../clock.ts'
import type { LookupOptions, Peer } from '../router.ts'
import { abortable } from './abortable.ts'
import type { Admission } from './admission.ts'
import type { Background } from './background.ts'
import { nameOf } from './bytes-name.ts'
import { Deadline } from './deadline.ts'
import { type KadMessage, type KadPeer, kadMessage } from './kad-message.ts'
import type { MemberKeeper } from './member-keeper.ts'
import type { MemberSearch } from './member-search.ts'
import type { Member, MemberTable } from './members.ts'
import { peerIdText } from './peer-id.ts'
import { ASKED, ASKED_UNSETTLED, askedCount } from './placement.ts'
import type { ProviderRecords } from './provider-records.ts'
import { type RecordKey, recordKey } from './record-key.ts'
import { SharedLookup } from './shared-lookup.ts'

/** Local holders of a key taken at once. */
const MAX_LOCAL = 20
/** A lookup goes on for so long, whoever stopped waiting for it: its answer serves the next one. */
const LOOKUP_TIMEOUT_MS = 1000
const FOUND_TTL_MS = 5000
const NOT_FOUND_TTL_MS = 1000
/** How long after it began a lookup counts as fresh: many may want a fresh one of the same key at once. */
const FRESH_FOR_MS = 250
/** Lookups kept, under way or as cache; the oldest is forgotten first. */
const MAX_KEPT = 4096
/** Lookups under way at once; further ones get what this node knows by itself. */
const MAX_RUNNING = 512

export interface LookupComponents {
  readonly clock: Clock
  readonly members: MemberTable
  readonly records: ProviderRecords
  readonly admission: Admission
  readonly keeper: Pick<MemberKeeper, 'check'>
  readonly search: Pick<MemberSearch, 'learn'>
  readonly background: Background
}

interface Kept {
  readonly lookup: SharedLookup
  readonly beganAt: number
  readonly expiresAt: number
}

/** Finds out who holds a key: by this node's own records, then by asking the members nearest to the key. */
export class Lookup {
  readonly #components: LookupComponents
  /** By record key. */
  readonly #kept = new Map<string, Kept>()
  #running = 0

  constructor(components: LookupComponents) {
    this.#components = components
  }

  /** Yields live peers that hold `key`, as {@link Router.lookup} says. */
  async *find(key: string, { signal, fresh = false }: LookupOptions): AsyncGenerator<Peer> {
    const { members, records } = this.#components
    const wanted = recordKey(key)
    const yielded = new Set<string>()
    for (const { id } of records.sample(wanted.bytes, MAX_LOCAL)) {
      const member = members.trusted(peerIdText(id) ?? '')
      if (signal.aborted) return
      if (member === undefined) continue
      yielded.add(member.peer.id)
      yield member.peer
    }
    for await (const peer of this.#shared(wanted, fresh).read({ signal })) {
      // A cached answer may name a peer that has died since.
      if (yielded.has(peer.id) || members.trusted(peer.id) === undefined) continue
      yield peer
    }
  }

  /** The provider with this id (multihash bytes) has withdrawn `keys`: what was found of them before is out of date. */
  forget(provider: Uint8Array, keys: readonly Uint8Array[]): void {
    const id = peerIdText(provider)
    if (id === undefined) return
    for (const key of keys) {
      this.#kept.get(nameOf(key))?.lookup.remove(id)
      this.#kept.delete(nameOf(key))
    }
  }

  #shared(wanted: RecordKey, fresh: boolean): SharedLookup {
    const { background, clock } = this.#components
    const key = nameOf(wanted.bytes)
    const kept = this.#kept.get(key)
    const beganAt = clock.now()
    if (kept !== undefined && beganAt < kept.expiresAt && (!fresh || beganAt - kept.beganAt < FRESH_FOR_MS)) {
      return kept.lookup
    }
    const lookup = new SharedLookup()
    if (this.#running >= MAX_RUNNING || background.signal.aborted) {
      lookup.end()
      return lookup
    }
    this.#running++
    this.#keep(key, { lookup, beganAt, expiresAt: Number.POSITIVE_INFINITY })
    background.run('lookup', async signal => {
      let isComplete = false
      try {
        isComplete = await this.#ask(wanted, lookup, signal)
      } finally {
        lookup.end()
        this.#running--
      }
      if (this.#kept.get(key)?.lookup === lookup) this.#settle(key, { lookup, beganAt }, isComplete)
    })
    return lookup
  }

  /** Keeps a finished lookup as cache. That nobody holds the key is believed only where all that were asked said so. */
  #settle(key: string, ended: Omit<Kept, 'expiresAt'>, isComplete: boolean): void {
    const now = this.#components.clock.now()
    if (!ended.lookup.isEmpty) this.#keep(key, { ...ended, expiresAt: now + FOUND_TTL_MS })
    else if (isComplete) this.#keep(key, { ...ended, expiresAt: now + NOT_FOUND_TTL_MS })
    else this.#kept.delete(key)
  }

  #keep(key: string, kept: Kept): void {
    this.#kept.delete(key)
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size < MAX_KEPT) break
      this.#kept.delete(oldest)
    }
    this.#kept.set(key, kept)
  }

  /** @returns whether all that were asked have answered. */
  async #ask({ bytes, position }: RecordKey, lookup: SharedLookup, stop: AbortSignal): Promise<boolean> {
    const { records, keeper, search } = this.#components
    using deadline = new Deadline(stop, LOOKUP_TIMEOUT_MS)
    const { signal } = deadline
    const request = kadMessage('GET_PROVIDERS', { key: bytes })
    const ask = async (member: Member): Promise<boolean> => {
      let answer: KadMessage
      try {
        answer = await member.stream.request(request, { signal })
      } catch {
        if (!stop.aborted) keeper.check(member)
        return false
      }
      // Those nearer to the key than any that this node knows are the ones to ask the next time.
      search.learn(answer.closer)
      return this.#take(answer.providers, lookup, signal)
    }
    const answers = await Promise.all([
      this.#take(records.sample(bytes, MAX_LOCAL), lookup, signal),
      ...this.#nearest(position).map(ask),
    ])
    return answers.every(Boolean)
  }

  #nearest(position: Buffer): readonly Member[] {
    const { clock, members } = this.#components
    const nearest = members.closest(position, ASKED_UNSETTLED)
    const joinedAt = nearest.slice(0, ASKED).map(member => member.joinedAt)
    return nearest.slice(0, askedCount(joinedAt, members.size, clock.now()))
  }

  /** @returns whether it became known of each of `providers` if it can be reached. */
  async #take(providers: readonly KadPeer[], lookup: SharedLookup, signal: AbortSignal): Promise<boolean> {
    if (providers.length === 0) return true
    const { admission } = this.#components
    const take = async (provider: KadPeer): Promise<void> => {
      const member = await admission.admit(provider)
      if (member !== undefined) lookup.add(member.peer)
    }
    try {
      await abortable(Promise.all(providers.map(take)), signal)
      return true
    } catch {
      return false
    }
  }
}
