import type { Clock } from '../clock.ts'
import type { CallOptions } from '../router.ts'
import { abortable } from './abortable.ts'
import type { Background } from './background.ts'
import type { Member, MemberTable } from './members.ts'
import { Outbox } from './outbox.ts'
import type { OwnPeer } from './own-peer.ts'
import { type RecordKey, recordKey } from './record-key.ts'

/** Members nearest to a key that are told of it. */
const REPLICATION = 20
/** A key is announced again this often; a record lives 19 min. */
const REFRESH_MS = 15 * 60 * 1000
/** How often the keys that are due are looked for. */
const REFRESH_TICK_MS = 5000

interface ProvidedKey extends RecordKey {
  /** When it is announced again. */
  refreshAt: number
}

export interface ProvideComponents {
  readonly clock: Clock
  readonly random: () => number
  readonly members: MemberTable
  readonly background: Background
  readonly own: OwnPeer
}

/** Keeps keys announced: to the members nearest to each, to those who come to be nearest, and again before it expires. */
export class Provide {
  readonly #components: ProvideComponents
  readonly #keys = new Map<string, ProvidedKey>()
  readonly #outboxes = new Map<Member, Outbox>()

  constructor(components: ProvideComponents) {
    this.#components = components
  }

  start(): void {
    const { background, members } = this.#components
    members.subscribe({ joined: member => this.#joined(member), left: member => this.#left(member) })
    background.run('refresh provider records', signal => this.#refresh(signal))
  }

  /** Announces `keys`; resolves when the members at hand have been told, or could not be at the first attempt. */
  async advertise(keys: readonly string[], { signal }: CallOptions): Promise<void> {
    const added: ProvidedKey[] = []
    for (const key of keys) {
      const { bytes, position } = recordKey(key)
      const name = bytes.toString('latin1')
      if (this.#keys.has(name)) continue
      const provided = { bytes, position, refreshAt: this.#nextRefresh(this.#components.random()) }
      this.#keys.set(name, provided)
      added.push(provided)
    }
    this.#announce(added)
    await abortable(Promise.all(this.#outboxes.values().map(outbox => outbox.attempted())), signal)
  }

  /** Stops announcing `keys`. Kad has no way to take a record back: others forget it when it expires. */
  withdraw(keys: readonly string[]): void {
    for (const key of keys) this.#keys.delete(recordKey(key).bytes.toString('latin1'))
  }

  /** Whether this node announces the key with these bytes. */
  provides(key: Uint8Array): boolean {
    return this.#keys.has(Buffer.from(key).toString('latin1'))
  }

  /** The first refresh comes at any time within the interval, so that keys added together do not stay together. */
  #nextRefresh(fraction = 1): number {
    return this.#components.clock.now() + fraction * REFRESH_MS
  }

  #announce(keys: readonly ProvidedKey[]): void {
    const { members } = this.#components
    if (members.size <= REPLICATION) {
      for (const outbox of this.#outboxes.values()) outbox.push(keys)
      return
    }
    for (const key of keys) {
      for (const member of members.closest(key.position, REPLICATION)) this.#outboxes.get(member)?.push([key])
    }
  }

  /** A new member may be among the nearest of any key, and holds no record of this node. */
  #joined(member: Member): void {
    const { background, clock, members, own } = this.#components
    const outbox = new Outbox({ clock, member, own, isProvided: key => this.provides(key.bytes) })
    outbox.push(this.#keys.values().filter(key => members.isAmongClosest(member, key.position, REPLICATION)))
    this.#outboxes.set(member, outbox)
    background.run('send provider records', signal => outbox.run(signal))
  }

  #left(member: Member): void {
    this.#outboxes.get(member)?.close()
    this.#outboxes.delete(member)
  }

  async #refresh(signal: AbortSignal): Promise<void> {
    const { clock } = this.#components
    while (!signal.aborted) {
      const now = clock.now()
      const due = this.#keys
        .values()
        .filter(key => key.refreshAt <= now)
        .toArray()
      for (const key of due) key.refreshAt = this.#nextRefresh()
      this.#announce(due)
      await clock.sleep(REFRESH_TICK_MS, { signal })
    }
  }
}
