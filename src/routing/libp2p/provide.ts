import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../clock.ts'
import type { CallOptions } from '../router.ts'
import { abortable } from './abortable.ts'
import type { Background } from './background.ts'
import { nameOf } from './bytes-name.ts'
import { Outbox } from './outbox.ts'
import { handOverMs, placementOf, REPLICATION, roughDistance } from './placement.ts'
import { PositionIndex } from './position-index.ts'
import { RECORD_TTL_MS } from './provider-records.ts'
import { type RecordKey, recordKey } from './record-key.ts'
import type { RecordTarget } from './record-target.ts'

/** Every key is announced again this often; a record lives 19 min. */
export const REFRESH_MS = 15 * 60 * 1000
/**
 * The keys of one slice of the key space are refreshed together. Keys that are near each other have mostly the same
 * holders, so that one message, and one handshake, serves several.
 */
const SLICE_MS = 15_000
/** How often it is looked for keys that are due. */
const TICK_MS = 1000
/** A member that knows enough holders of a key is spared it for this many refreshes. */
const SPARED_REFRESHES = 3
/** Keys hashed and placed before other work has its turn: some milliseconds. */
const KEYS_AT_ONCE = 500

interface ProvidedKey extends RecordKey {
  readonly name: string
  /** Who was told since the latest refresh. */
  told: RecordTarget[]
  /** Who was told before that, should not hold a record any more, and may do so until this time. */
  former: readonly { readonly member: RecordTarget; readonly until: number }[]
  /** Who knows enough other holders, for so many refreshes yet. */
  spared: Map<RecordTarget, number> | undefined
  /** As {@link Placement.reach}. */
  reach: number
}

export interface ProvideComponents {
  readonly clock: Clock
  readonly random: () => number
  readonly background: Background
}

/**
 * Keeps keys announced: to the members nearest to each, to those who come to be nearest, and again before the records
 * expire. Knows members only as {@link RecordTarget}s, and no time but its clock's, so that a simulation can drive it:
 * call {@link start}, report members by {@link joined} and {@link left}, and advance the clock.
 */
export class Provide {
  readonly #components: ProvideComponents
  readonly #members = new PositionIndex<RecordTarget>()
  /** The same. Keys may go on naming others as told until they are refreshed, for going through all of them takes long. */
  readonly #present = new Set<RecordTarget>()
  readonly #outboxes = new Map<RecordTarget, Outbox>()
  readonly #keys = new Map<string, ProvidedKey>()
  /** When keys whose holders have changed are placed again. */
  readonly #dueAt = new Map<ProvidedKey, number>()
  #isPlacing = false

  constructor(components: ProvideComponents) {
    this.#components = components
  }

  start(): void {
    this.#components.background.run('refresh provider records', signal => this.#refreshes(signal))
  }

  /** `member` is there from now on, and holds no record of this node: another object than any that has {@link left}. */
  joined(member: RecordTarget): void {
    this.#members.add(member)
    this.#present.add(member)
    if (this.#members.size > REPLICATION) {
      this.#placeNear(member)
      return
    }
    for (const key of this.#keys.values()) this.#tell(key, member)
  }

  /** `member` is gone, and with it its records. */
  left(member: RecordTarget): void {
    if (!this.#members.remove(member)) return
    this.#outboxes.get(member)?.close()
    this.#outboxes.delete(member)
    this.#present.delete(member)
    if (this.#members.size > REPLICATION) this.#placeNear(member)
    // From here down all members hold every key.
    else if (this.#members.size === REPLICATION) this.#placeSoon(this.#keys.values(), 0)
  }

  /** Announces `keys`; resolves when the members at hand have been told, or could not be at the first attempt. */
  async advertise(keys: readonly string[], { signal }: CallOptions): Promise<void> {
    for (let index = 0; index < keys.length; index += KEYS_AT_ONCE) {
      if (index > 0) await setImmediate()
      signal.throwIfAborted()
      for (const key of keys.slice(index, index + KEYS_AT_ONCE)) this.#add(key)
    }
    await this.#attempted(signal)
  }

  /** Takes `keys` back; resolves when the members at hand have been told, or could not be at the first attempt. */
  async withdraw(keys: readonly string[], { signal }: CallOptions): Promise<void> {
    for (const key of keys) this.#remove(nameOf(recordKey(key).bytes))
    await this.#attempted(signal)
  }

  /** Takes all keys back, as far as that succeeds until `signal` aborts (without an error). For the end of the process. */
  async leave({ signal }: CallOptions): Promise<void> {
    for (const name of this.#keys.keys()) this.#remove(name)
    await this.#attempted(signal).catch(() => {})
  }

  /** Whether this node announces the key with these bytes. */
  provides(key: Uint8Array): boolean {
    return this.#keys.has(nameOf(key))
  }

  #add(key: string): void {
    const { bytes, position } = recordKey(key)
    const name = nameOf(bytes)
    if (this.#keys.has(name)) return
    const provided = { bytes, position, name, told: [], former: [], spared: undefined, reach: 0 }
    this.#keys.set(name, provided)
    this.#place(provided)
  }

  #remove(name: string): void {
    const key = this.#keys.get(name)
    if (key === undefined) return
    this.#keys.delete(name)
    this.#dueAt.delete(key)
    const told = new Set([...key.told, ...key.former.map(({ member }) => member)])
    for (const member of told) this.#outboxes.get(member)?.retract(name, key.bytes)
  }

  async #attempted(signal: AbortSignal): Promise<void> {
    await abortable(Promise.all(this.#outboxes.values().map(outbox => outbox.attempted())), signal)
  }

  /** Places the keys to which it matters that `member` came or went; in a large mesh not at the same time as all others. */
  #placeNear(member: RecordTarget): void {
    const concerned = this.#keys.values().filter(key => roughDistance(key.position, member.position) <= key.reach)
    const spreadMs = handOverMs(this.#members.size)
    this.#placeSoon(concerned, spreadMs < TICK_MS ? 0 : spreadMs)
  }

  #placeSoon(keys: Iterable<ProvidedKey>, spreadMs: number): void {
    const { background, clock, random } = this.#components
    const now = clock.now()
    for (const key of keys) {
      if (spreadMs === 0) this.#dueAt.set(key, now)
      else if (!this.#dueAt.has(key)) this.#dueAt.set(key, now + random() * spreadMs)
    }
    if (spreadMs === 0) background.run('place keys', signal => this.#placeDue(signal))
  }

  /** Tells those who are to hold `key` and were not told. */
  #place(key: ProvidedKey): void {
    const { holders, reach } = placementOf(this.#members, key.position)
    key.reach = reach
    for (const member of holders) if (!key.told.includes(member)) this.#tell(key, member)
  }

  #tell(key: ProvidedKey, member: RecordTarget): void {
    key.told.push(member)
    if (key.spared?.has(member) !== true) this.#outbox(member).announce(key.name, key.bytes)
  }

  #outbox(member: RecordTarget): Outbox {
    const known = this.#outboxes.get(member)
    if (known !== undefined) return known
    const outbox = new Outbox({ ...this.#components, target: member, enough: name => this.#spare(name, member) })
    this.#outboxes.set(member, outbox)
    return outbox
  }

  #spare(name: string, member: RecordTarget): void {
    const key = this.#keys.get(name)
    if (key === undefined) return
    key.spared ??= new Map()
    key.spared.set(member, SPARED_REFRESHES)
  }

  /** Goes through the key space once in each {@link REFRESH_MS}, from a place that differs from node to node. */
  async #refreshes(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#components
    const phaseMs = Math.floor(random() * REFRESH_MS)
    const startedAt = clock.now() - phaseMs
    for (let refreshedMs = phaseMs; !signal.aborted; ) {
      await clock.sleep(TICK_MS, { signal })
      await this.#placeDue(signal)
      const nowMs = clock.now() - startedAt
      if (nowMs - refreshedMs < SLICE_MS) continue
      for (const key of this.#keys.values()) if (passes(key, refreshedMs, nowMs)) this.#refresh(key)
      refreshedMs = nowMs
    }
  }

  /** Places the keys that are due, some at once. Who comes or goes meanwhile makes keys due again. */
  async #placeDue(signal: AbortSignal): Promise<void> {
    if (this.#isPlacing) return
    this.#isPlacing = true
    for (let due = this.#due(); due.length > 0 && !signal.aborted; due = this.#due()) {
      for (const key of due) {
        this.#dueAt.delete(key)
        this.#place(key)
      }
      await setImmediate()
    }
    this.#isPlacing = false
  }

  #due(): readonly ProvidedKey[] {
    const now = this.#components.clock.now()
    return this.#dueAt
      .entries()
      .filter(([, dueAt]) => dueAt <= now)
      .take(KEYS_AT_ONCE)
      .map(([key]) => key)
      .toArray()
  }

  #refresh(key: ProvidedKey): void {
    for (const [member, refreshes] of key.spared ?? []) {
      if (refreshes === 0 || !this.#present.has(member)) key.spared?.delete(member)
      else key.spared?.set(member, refreshes - 1)
    }
    const before = key.told
    key.told = []
    this.#place(key)
    const now = this.#components.clock.now()
    const former = before.filter(member => this.#present.has(member) && !key.told.includes(member))
    key.former = [
      ...key.former.filter(({ member, until }) => this.#present.has(member) && until > now),
      ...former.map(member => ({ member, until: now + RECORD_TTL_MS })),
    ]
  }
}

/** Whether the sweep passes the place of `key` from one time (inclusive) to another (exclusive) in milliseconds. */
function passes(key: ProvidedKey, fromMs: number, toMs: number): boolean {
  const placeMs = (key.position.readUInt32BE(0) / 2 ** 32) * REFRESH_MS
  return Math.ceil((fromMs - placeMs) / REFRESH_MS) * REFRESH_MS + placeMs < toMs
}
