import { scheduler } from 'node:timers/promises'
import type { Log } from '../observability/log.ts'
import type { Metrics } from '../observability/metrics.ts'
import type { Digest } from '../oci/digest.ts'
import { formatReference } from '../oci/reference.ts'
import type { StoreEntry, StoreEvent, Watcher } from '../store/watcher.ts'
import type { Clock } from './clock.ts'
import type { CallOptions, Router } from './router.ts'

const FIRST_RETRY_MS = 1000
const LONGEST_RETRY_MS = 60_000

export interface AdvertiseSyncComponents {
  readonly log: Log
  readonly metrics: Metrics
  readonly clock: Clock
  readonly watcher: Watcher
  readonly router: Router
}

/** Advertises what the store holds, and withdraws what it holds no longer. */
export class AdvertiseSync {
  readonly #components: AdvertiseSyncComponents
  /** What is to be advertised, by {@link identityOf}. */
  readonly #entries = new Map<string, StoreEntry>()
  /** How many entries want a key advertised: a layer may belong to images of several registries. */
  readonly #uses = new Map<string, number>()
  /** Keys that came into use or out of it, and that the router has yet to be told of. */
  readonly #untold = new Set<string>()
  /** Held and not advertised. */
  readonly #excluded = new Set<Digest>()
  #changed = Promise.withResolvers<void>()
  #hasStarted = false

  constructor(components: AdvertiseSyncComponents) {
    this.#components = components
  }

  /** Whether the store has said what it holds. */
  get hasStarted(): boolean {
    return this.#hasStarted
  }

  /** What the store holds. */
  entries(): Iterable<StoreEntry> {
    return this.#entries.values()
  }

  /** Follows the store until `signal` aborts. Rejects only where the watcher does; a failing router is tried again. */
  async run({ signal }: CallOptions): Promise<void> {
    const ended = new AbortController()
    const telling = this.#tell(AbortSignal.any([signal, ended.signal]))
    try {
      for await (const event of this.#components.watcher.watch({ signal })) this.#apply(event)
    } finally {
      ended.abort()
      await telling
    }
  }

  /** Takes back what is advertised of `digest`, tags that name it included, and advertises no more of it. */
  exclude(digest: Digest): void {
    if (this.#excluded.has(digest)) return
    for (const entry of this.#entries.values()) if (entry.digest === digest) this.#account(entry, -1)
    this.#excluded.add(digest)
    if (this.#untold.size > 0) this.#changed.resolve()
  }

  /** Advertises again what {@link exclude} took back, as far as the store holds it. */
  include(digest: Digest): void {
    if (!this.#excluded.delete(digest)) return
    for (const entry of this.#entries.values()) if (entry.digest === digest) this.#account(entry, 1)
    if (this.#untold.size > 0) this.#changed.resolve()
  }

  #apply(event: StoreEvent): void {
    const entries = new Map(event.entries.map(entry => [identityOf(entry), entry] as const))
    switch (event.type) {
      case 'snapshot':
        for (const identity of this.#entries.keys()) if (!entries.has(identity)) this.#remove(identity)
        for (const [identity, entry] of entries) this.#add(identity, entry)
        break
      case 'added':
        for (const [identity, entry] of entries) this.#add(identity, entry)
        break
      case 'removed':
        for (const identity of entries.keys()) this.#remove(identity)
        break
    }
    if (this.#untold.size > 0) this.#changed.resolve()
    this.#hasStarted = true
  }

  #add(identity: string, entry: StoreEntry): void {
    if (this.#entries.has(identity)) return
    this.#entries.set(identity, entry)
    this.#account(entry, 1)
  }

  #remove(identity: string): void {
    const entry = this.#entries.get(identity)
    if (entry === undefined) return
    this.#entries.delete(identity)
    this.#account(entry, -1)
  }

  #account(entry: StoreEntry, change: 1 | -1): void {
    if (this.#excluded.has(entry.digest)) return
    this.#use(keyOf(entry), change)
    this.#count(entry, change)
  }

  #use(key: string, change: 1 | -1): void {
    const before = this.#uses.get(key) ?? 0
    const after = before + change
    if (after === 0) this.#uses.delete(key)
    else this.#uses.set(key, after)
    if (before === 0 || after === 0) this.#untold.add(key)
  }

  #count(entry: StoreEntry, change: 1 | -1): void {
    const { metrics } = this.#components
    const labels = { registry: metrics.registries.label(registryOf(entry)) }
    switch (entry.kind) {
      case 'tag':
        metrics.advertisedImageTags.inc(labels, change)
        break
      case 'image':
        metrics.advertisedImageDigests.inc(labels, change)
        break
      case 'content':
        metrics.advertisedContentDigests.inc(labels, change)
        break
    }
  }

  async #tell(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#components
    signal.addEventListener('abort', () => this.#changed.resolve(), { once: true })
    let retryMs = FIRST_RETRY_MS
    while (!signal.aborted) {
      await this.#changed.promise
      // What changes registry is told as removed and then as added; in between it is not to be withdrawn.
      await scheduler.yield()
      this.#changed = Promise.withResolvers()
      const keys = [...this.#untold]
      this.#untold.clear()
      try {
        await this.#tellOf(keys, signal)
        retryMs = FIRST_RETRY_MS
      } catch (error) {
        if (signal.aborted) return
        log.warn('advertising failed', { keys: keys.length, retryMs, error })
        for (const key of keys) this.#untold.add(key)
        await clock.sleep(retryMs, { signal })
        retryMs = Math.min(2 * retryMs, LONGEST_RETRY_MS)
        this.#changed.resolve()
      }
    }
  }

  async #tellOf(keys: readonly string[], signal: AbortSignal): Promise<void> {
    const { log, router } = this.#components
    const { used = [], unused = [] } = Object.groupBy(keys, key => (this.#uses.has(key) ? 'used' : 'unused'))
    if (unused.length > 0) await router.withdraw(unused, { signal })
    if (used.length > 0) await router.advertise(used, { signal })
    log.debug('advertised', { advertised: used.length, withdrawn: unused.length })
  }
}

function registryOf(entry: StoreEntry): string {
  return entry.kind === 'tag' ? entry.reference.registry : entry.registry
}

/** What peers look it up by. */
function keyOf(entry: StoreEntry): string {
  return entry.kind === 'tag' ? formatReference(entry.reference) : entry.digest
}

function identityOf(entry: StoreEntry): string {
  return `${entry.kind} ${registryOf(entry)} ${keyOf(entry)}`
}
