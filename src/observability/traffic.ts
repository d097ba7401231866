import type { Counter } from 'prom-client'
import type { Activity } from './activity.ts'
import { ByteHistory, type HistoryColumns, type HistorySeries } from './byte-history.ts'

/** The last hour in steps of ten seconds, and the last day in steps of five minutes. */
const HOUR = { slotMs: 10_000, slots: 360 }
const DAY = { slotMs: 300_000, slots: 288 }
/** Addresses whose transfers are summed; the one heard of longest ago is forgotten first. */
const MAX_PEERS = 1024

/** Where bytes for local clients came from. */
export type ByteSource = 'store' | 'peer' | 'in_progress'

/** Bytes from and to one address. */
export interface PeerTraffic {
  /** IP address, as the connection has it. */
  readonly host: string
  readonly receivedBytes: number
  readonly sentBytes: number
}

export interface TrafficComponents {
  readonly activity: Activity
  readonly servedBytes: Counter<'source'>
  readonly uploadBytes: Counter
  readonly misses: Counter<'reason'>
}

/**
 * Counts what is served, once: the metrics, the sums over time, those by peer and the record of the request all get the
 * same number, so that they agree to the byte.
 */
export class Traffic {
  readonly #components: TrafficComponents
  readonly #hour = new ByteHistory(HOUR)
  readonly #day = new ByteHistory(DAY)
  readonly #peers = new Map<string, { receivedBytes: number; sentBytes: number }>()
  readonly #totals: Record<HistorySeries, number> = { store: 0, peer: 0, in_progress: 0, upload: 0, hits: 0, misses: 0 }

  constructor(components: TrafficComponents) {
    this.#components = components
  }

  /** Bytes that were sent to a local client; `peer` is the IP address that they came from. */
  served(source: ByteSource, bytes: number, peer?: string): void {
    const { servedBytes, activity } = this.#components
    servedBytes.inc({ source }, bytes)
    this.#add(source, bytes)
    activity.current?.sent(source, bytes)
    if (peer !== undefined) this.#peer(peer).receivedBytes += bytes
  }

  /** Bytes that were sent to a peer, where it is known to which. */
  uploaded(bytes: number): void {
    const { uploadBytes, activity } = this.#components
    uploadBytes.inc(bytes)
    this.#add('upload', bytes)
    const { current } = activity
    current?.sent('upload', bytes)
    if (current !== undefined) this.#peer(current.start.client).sentBytes += bytes
  }

  /** A local request that was answered with what it asked for. */
  hit(): void {
    this.#add('hits', 1)
  }

  /** A local request that was answered with a miss. */
  missed(reason: string): void {
    const { misses, activity } = this.#components
    misses.inc({ reason })
    this.#add('misses', 1)
    activity.current?.miss(reason)
  }

  /** Sums since the process began. */
  get totals(): Readonly<Record<HistorySeries, number>> {
    return { ...this.#totals }
  }

  history(span: 'hour' | 'day'): HistoryColumns {
    return span === 'hour' ? this.#hour.columns() : this.#day.columns()
  }

  /** What went between this node and others since the process began. */
  peers(): readonly PeerTraffic[] {
    return [...this.#peers].map(([host, { receivedBytes, sentBytes }]) => ({ host, receivedBytes, sentBytes }))
  }

  #add(series: HistorySeries, amount: number): void {
    this.#totals[series] += amount
    this.#hour.add(series, amount)
    this.#day.add(series, amount)
  }

  #peer(host: string): { receivedBytes: number; sentBytes: number } {
    const traffic = this.#peers.get(host) ?? { receivedBytes: 0, sentBytes: 0 }
    this.#peers.delete(host)
    this.#peers.set(host, traffic)
    if (this.#peers.size > MAX_PEERS) {
      const [oldest] = this.#peers.keys()
      if (oldest !== undefined) this.#peers.delete(oldest)
    }
    return traffic
  }
}
