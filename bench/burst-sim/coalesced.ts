import { type BurstPart, Bursts, type Fault, type Parent } from '../../src/coalesce/bursts.ts'
import { Claimant } from '../../src/coalesce/claimant.ts'
import type { Log } from '../../src/observability/log.ts'
import type { Metrics } from '../../src/observability/metrics.ts'
import type { Digest } from '../../src/oci/digest.ts'
import type { Cluster, Death, Machine } from './cluster.ts'
import { CHUNK_BYTES, type ImageBlob } from './conditions.ts'
import { Download } from './download.ts'
import { Feed } from './feed.ts'
import { Link, type Network, type Transfer } from './network.ts'
import { pullImage } from './pull.ts'

/** `--coalesce-wait` */
const WAIT_MS = 2000
/** Longest wait for a connection to a parent. */
const CONNECT_TIMEOUT_MS = 250
/** A parent that has so much less than its child says so instead of waiting. */
const MAX_LAG_BYTES = 32 * 1024 * 1024

export interface CoalescedParts {
  readonly cluster: Cluster
  readonly network: Network
  readonly metrics: Metrics
  readonly log: Log
}

/** All machines pull the image, by the product's own rules of who gets what from whom. */
export class CoalescedPulls {
  readonly #parts: CoalescedParts
  readonly #upstream: Link
  readonly #bursts = new Map<Machine, Bursts>()
  readonly #downloads = new Map<Machine, Map<Digest, Download>>()
  readonly #feeds = new Map<Machine, Set<Feed>>()
  readonly #fetches = new Map<Machine, Set<Transfer>>()
  /** Requests to upstream. */
  readonly upstreamFetches = new Map<Digest, number>()
  upstreamBytes = 0

  constructor(parts: CoalescedParts) {
    this.#parts = parts
    this.#upstream = new Link(parts.cluster.conditions.upstreamRate)
    for (const machine of parts.cluster.machines) this.#equip(machine)
  }

  async pull(machine: Machine): Promise<void> {
    await pullImage(blob => this.#download(machine, blob))
  }

  /** The machine is gone, and what it was sending and receiving with it. */
  die(machine: Machine, kind: Death): void {
    machine.death = { kind, at: this.#parts.cluster.clock.now() }
    for (const transfer of this.#fetches.get(machine) ?? []) this.#parts.network.stop(transfer)
    for (const feed of this.#feeds.get(machine) ?? []) {
      const isParent = feed.parent.machine === machine
      if (isParent && kind === 'reset') feed.end('lost')
      else feed.freeze()
    }
  }

  #equip(machine: Machine): void {
    const { cluster, metrics, log } = this.#parts
    const { takers, desk, members } = machine
    const { startTimeout } = cluster.clock
    const claimant = new Claimant({ members, takers, desk, startTimeout, sender: cluster.sender(machine) })
    const downloads = new Map<Digest, Download>()
    this.#downloads.set(machine, downloads)
    this.#feeds.set(machine, new Set())
    this.#fetches.set(machine, new Set())
    const inProgress = {
      async find(digest: Digest) {
        const size = downloads.get(digest)?.blob.size
        if (size === undefined) return undefined
        return { size, read: async () => 0, waitPast: async () => 'grown' as const, close: async () => {} }
      },
      async sizeOf(digest: Digest) {
        return downloads.get(digest)?.blob.size
      },
    }
    const now = (): number => cluster.clock.now()
    this.#bursts.set(machine, new Bursts({ inProgress, claimant, metrics, log, now }, { waitMs: WAIT_MS }))
  }

  /** What containerd does: it asks the mirror, then upstream, and the mirror again when an answer ended early. */
  async #download(machine: Machine, blob: ImageBlob): Promise<void> {
    const download = new Download(machine, blob)
    this.#downloads.get(machine)?.set(blob.digest, download)
    const { signal } = new AbortController()
    while (!download.isComplete) {
      const part = await this.#bursts.get(machine)?.join(blob.digest, download.have, { signal })
      const before = download.have
      if (part !== undefined) await this.#relay(part, download, signal)
      await this.#survive(machine)
      if (download.have === before && !download.isComplete) await this.#fetch(download)
    }
  }

  /** Whoever is dead does not go on. */
  async #survive({ death }: Machine): Promise<void> {
    if (death !== undefined) await this.#parts.cluster.clock.promise<void>().promise
  }

  /** One request to the mirror: ends when all has come, or when there is nobody to ask. */
  async #relay(part: BurstPart, download: Download, signal: AbortSignal): Promise<void> {
    while (!download.isComplete) {
      await this.#survive(download.machine)
      const parent = await part.next(download.have, { signal })
      await this.#survive(download.machine)
      if (parent === undefined) return
      const fault = await this.#follow(part, parent, download)
      if (fault !== undefined) part.blame(parent, fault)
    }
  }

  async #follow(part: BurstPart, { peer, depth }: Parent, child: Download): Promise<Fault | undefined> {
    const { cluster, network } = this.#parts
    const { clock, conditions } = cluster
    const machine = cluster.find(peer.id)
    const headMs = machine?.death?.kind === 'silent' ? CONNECT_TIMEOUT_MS : 4 * conditions.latencyMs
    await clock.sleep(headMs)
    part.addWait(headMs)
    const parent = machine === undefined ? undefined : this.#downloads.get(machine)?.get(child.blob.digest)
    if (parent === undefined || parent.machine.death !== undefined) return 'lost'
    await this.#survive(child.machine)
    if (parent.have + MAX_LAG_BYTES < child.have) return 'behind'
    const feeds = [this.#feeds.get(parent.machine), this.#feeds.get(child.machine)]
    const { promise, resolve } = clock.promise<Fault | undefined>()
    const feed = new Feed({ clock, network }, { parent, child }, { depth, onEnd: resolve })
    for (const set of feeds) set?.add(feed)
    const fault = await promise
    for (const set of feeds) set?.delete(feed)
    return fault
  }

  async #fetch(download: Download): Promise<void> {
    const { cluster, network } = this.#parts
    const { machine, blob } = download
    const transfers = this.#fetches.get(machine)
    this.upstreamFetches.set(blob.digest, (this.upstreamFetches.get(blob.digest) ?? 0) + 1)
    await cluster.clock.sleep(cluster.conditions.upstreamLatencyMs)
    const { promise, resolve } = cluster.clock.promise<void>()
    const next = (): void => {
      if (machine.death !== undefined) return
      const bytes = Math.min(CHUNK_BYTES, blob.size - download.have)
      const transfer = network.start([this.#upstream, machine.down], bytes, () => {
        transfers?.delete(transfer)
        this.upstreamBytes += bytes
        download.grow(bytes)
        if (download.isComplete) resolve()
        else next()
      })
      transfers?.add(transfer)
    }
    download.isFlowing = () => machine.death === undefined
    next()
    await promise
  }
}
