import type { Clock } from '../clock.ts'
import { nameOf } from './bytes-name.ts'
import type { KadPeer } from './kad-message.ts'
import { RecordPool } from './record-pool.ts'

/** How long a record is believed unless it is announced again. Go Spegel's records live as long. */
export const RECORD_TTL_MS = 19 * 60 * 1000
/** A key with so many holders needs no more. */
export const ENOUGH_HOLDERS = 64
/** Records kept in all, expired ones included until they are pruned. */
const MAX_RECORDS = 200_000
/** Records kept of one provider. */
const MAX_RECORDS_PER_PROVIDER = 50_000
/** Keys looked at by one call of `prune`, which thus takes a millisecond or two. */
const PRUNED_KEYS = 2048

/** Anything with a Prometheus gauge's `set`. */
export interface CountGauge {
  set(value: number): void
}

/**
 * What became of an announcement: noted; refused since {@link ENOUGH_HOLDERS} others hold the key; or refused since this
 * node or the provider has reached a limit.
 */
export type AddOutcome = 'kept' | 'enough' | 'full'

/** Shared by all records of one peer, which refer to it by its index. */
interface Provider {
  readonly name: string
  readonly index: number
  peer: KadPeer
  records: number
}

/**
 * Who announced which record key to this node. In memory only, bounded, each record believed for {@link RECORD_TTL_MS}.
 * The records of one key form a chain in a {@link RecordPool}: a JavaScript object for each would take several times
 * as much memory.
 */
export class ProviderRecords {
  readonly #clock: Pick<Clock, 'now'>
  readonly #random: () => number
  readonly #gauge: CountGauge
  readonly #pool = new RecordPool()
  /** The first record of each key. */
  readonly #keys = new Map<string, number>()
  readonly #providers = new Map<string, Provider>()
  readonly #providersByIndex: (Provider | undefined)[] = []
  readonly #freeIndexes: number[] = []
  #pruning: Iterator<readonly [string, number]> | undefined

  /** @param components `random` as `Math.random`; `gauge` follows the number of records */
  constructor(components: {
    readonly clock: Pick<Clock, 'now'>
    readonly random: () => number
    readonly gauge: CountGauge
  }) {
    this.#clock = components.clock
    this.#random = components.random
    this.#gauge = components.gauge
  }

  /** Records kept, expired ones included until they are pruned. */
  get size(): number {
    return this.#pool.size
  }

  /** Notes that `peer` holds `key`, or still does. Its addresses replace those of its other records. */
  add(key: Uint8Array, peer: KadPeer): AddOutcome {
    const name = nameOf(key)
    const provider = this.#providers.get(nameOf(peer.id))
    if (provider !== undefined) provider.peer = peer
    const records = this.#live(name)
    const known = records.find(record => this.#pool.provider(record) === provider?.index)
    if (known !== undefined) {
      this.#pool.renew(known, this.#expiry())
      return 'kept'
    }
    if (records.length >= ENOUGH_HOLDERS) return 'enough'
    if (this.size >= MAX_RECORDS || (provider?.records ?? 0) >= MAX_RECORDS_PER_PROVIDER) return 'full'
    const owner = provider ?? this.#addProvider(peer)
    owner.records++
    this.#keys.set(name, this.#pool.add({ provider: owner.index, expiresAt: this.#expiry(), next: records[0] }))
    this.#gauge.set(this.size)
    return 'kept'
  }

  /**
   * Forgets that the peer with this id holds `key`.
   * @returns false where no such record was kept.
   */
  remove(key: Uint8Array, peerId: Uint8Array): boolean {
    const provider = this.#providers.get(nameOf(peerId))
    if (provider === undefined) return false
    const before = this.size
    this.#filter(nameOf(key), record => this.#pool.provider(record) !== provider.index)
    return this.size < before
  }

  /** Up to `count` holders of `key`, chosen at random so that a popular key spreads its load. */
  sample(key: Uint8Array, count: number): readonly KadPeer[] {
    const records = this.#live(nameOf(key))
    const sampled: KadPeer[] = []
    while (sampled.length < count && records.length > 0) {
      const [record] = records.splice(Math.floor(this.#random() * records.length), 1)
      const provider = record === undefined ? undefined : this.#providersByIndex[this.#pool.provider(record)]
      if (provider !== undefined) sampled.push(provider.peer)
    }
    return sampled
  }

  /**
   * Drops the expired records of some keys; the next call goes on with the next ones. Only memory needs it:
   * {@link sample} never returns them.
   */
  prune(): void {
    this.#pruning ??= this.#keys.entries()
    for (let count = 0; count < PRUNED_KEYS; count++) {
      const { done, value } = this.#pruning.next()
      if (done === true) {
        this.#pruning = undefined
        return
      }
      this.#live(value[0])
    }
  }

  /** The records of a key, without those that have expired, which are dropped on the way. */
  #live(name: string): number[] {
    const now = this.#clock.now()
    return this.#filter(name, record => this.#pool.expiresAt(record) > now)
  }

  /** Drops the records of a key that do not pass, and returns those that do. */
  #filter(name: string, passes: (record: number) => boolean): number[] {
    const kept: number[] = []
    const first = this.#keys.get(name)
    let previous: number | undefined
    for (let record = first; record !== undefined; ) {
      const next = this.#pool.next(record)
      if (passes(record)) {
        kept.push(record)
        previous = record
      } else {
        this.#release(this.#pool.provider(record))
        this.#pool.remove(record, previous)
        this.#gauge.set(this.size)
      }
      record = next
    }
    if (kept[0] === first) return kept
    if (kept[0] === undefined) this.#keys.delete(name)
    else this.#keys.set(name, kept[0])
    return kept
  }

  #expiry(): number {
    return this.#clock.now() + RECORD_TTL_MS
  }

  #addProvider(peer: KadPeer): Provider {
    const index = this.#freeIndexes.pop() ?? this.#providersByIndex.length
    const provider = { name: nameOf(peer.id), index, peer, records: 0 }
    this.#providersByIndex[index] = provider
    this.#providers.set(provider.name, provider)
    return provider
  }

  #release(index: number): void {
    const provider = this.#providersByIndex[index]
    if (provider === undefined || --provider.records > 0) return
    this.#providers.delete(provider.name)
    this.#providersByIndex[index] = undefined
    this.#freeIndexes.push(index)
  }
}
