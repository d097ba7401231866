import type { Clock } from '../clock.ts'
import type { KadPeer } from './kad-message.ts'

/** How long a record is believed unless it is announced again. Go Spegel's records live as long. */
export const RECORD_TTL_MS = 19 * 60 * 1000
/** Records kept in all, expired ones included until they are pruned. */
const MAX_RECORDS = 200_000
/** Records kept of one provider. */
const MAX_RECORDS_PER_PROVIDER = 50_000
/** Holders kept of one key: a key that so many hold is found anyway. */
const MAX_PROVIDERS_PER_KEY = 128

/** Anything with a Prometheus gauge's `set`. */
export interface CountGauge {
  set(value: number): void
}

/** Shared by all records of one peer. */
interface Provider {
  readonly name: string
  peer: KadPeer
  records: number
}

interface ProviderRecord {
  readonly provider: Provider
  expiresAt: number
}

/** Map keys are strings: bytes compare by identity. */
function nameOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}

/** Who announced which record key to this node. In memory only, bounded, each record believed for {@link RECORD_TTL_MS}. */
export class ProviderRecords {
  readonly #clock: Pick<Clock, 'now'>
  readonly #random: () => number
  readonly #gauge: CountGauge
  readonly #records = new Map<string, ProviderRecord[]>()
  readonly #providers = new Map<string, Provider>()
  #size = 0

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

  get size(): number {
    return this.#size
  }

  /**
   * Notes that `peer` holds `key`, or still does. Its addresses replace those of its other records.
   * @returns false where a limit is reached; the record is then not kept.
   */
  add(key: Uint8Array, peer: KadPeer): boolean {
    const expiresAt = this.#clock.now() + RECORD_TTL_MS
    const name = nameOf(peer.id)
    const provider = this.#providers.get(name) ?? { name, peer, records: 0 }
    provider.peer = peer
    const records = this.#records.get(nameOf(key)) ?? []
    const known = records.find(record => record.provider === provider)
    if (known !== undefined) {
      known.expiresAt = expiresAt
      return true
    }
    if (
      this.#size >= MAX_RECORDS ||
      provider.records >= MAX_RECORDS_PER_PROVIDER ||
      records.length >= MAX_PROVIDERS_PER_KEY
    ) {
      return false
    }
    records.push({ provider, expiresAt })
    this.#records.set(nameOf(key), records)
    this.#providers.set(name, provider)
    provider.records++
    this.#resize(1)
    return true
  }

  /** Up to `count` holders of `key`, chosen at random so that a popular key spreads its load. */
  sample(key: Uint8Array, count: number): readonly KadPeer[] {
    const now = this.#clock.now()
    const live = (this.#records.get(nameOf(key)) ?? []).filter(record => record.expiresAt > now)
    const sampled: KadPeer[] = []
    while (sampled.length < count && live.length > 0) {
      const [record] = live.splice(Math.floor(this.#random() * live.length), 1)
      if (record !== undefined) sampled.push(record.provider.peer)
    }
    return sampled
  }

  /** Drops expired records. Only memory needs it: {@link sample} never returns them. */
  prune(): void {
    const now = this.#clock.now()
    for (const [key, records] of this.#records) {
      const live = records.filter(record => record.expiresAt > now)
      if (live.length === records.length) continue
      for (const { provider, expiresAt } of records) if (expiresAt <= now) this.#release(provider)
      if (live.length === 0) this.#records.delete(key)
      else this.#records.set(key, live)
      this.#resize(live.length - records.length)
    }
  }

  #release(provider: Provider): void {
    provider.records--
    if (provider.records === 0) this.#providers.delete(provider.name)
  }

  #resize(by: number): void {
    this.#size += by
    this.#gauge.set(this.#size)
  }
}
