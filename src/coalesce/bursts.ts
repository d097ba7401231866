import type { Log } from '../observability/log.ts'
import type { CoalesceOutcome, Metrics } from '../observability/metrics.ts'
import type { Digest } from '../oci/digest.ts'
import type { CallOptions, Peer } from '../routing/router.ts'
import type { InProgress } from '../store/store.ts'
import { MAX_NAMED_PEERS } from './claim.ts'
import type { Claimant, Verdict } from './claimant.ts'
import { PendingGrants } from './pending-grants.ts'

/** Claims that one request may make while it makes no progress. */
const MAX_CLAIMS = 4
/** What has come since the last claim is progress from so many bytes on. */
const MIN_PROGRESS_BYTES = 1024 * 1024
/** After a request came to an end with nothing, the next ones for the same content go straight upstream for this long. */
const GIVEN_UP_MS = 10_000
/** Digests remembered as such; the oldest is forgotten first. */
const MAX_GIVEN_UP = 1024

/** What is wrong with a parent: it can't be reached or gave up, nothing came from it, or it has less than its child. */
export type Fault = 'lost' | 'stalled' | 'behind'

/** A peer that is said to be fetching the content, or to have it by now. */
export interface Parent {
  readonly peer: Peer
  /** How many nodes there are between this one and upstream. */
  readonly depth: number
}

export interface BurstsComponents {
  readonly inProgress: InProgress
  readonly claimant: Pick<Claimant, 'claim'>
  readonly metrics: Metrics
  readonly log: Log
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number
}

export interface BurstsOptions {
  /** Longest total wait of one request on claims and on parents' response heads (`--coalesce-wait`). */
  readonly waitMs: number
}

/** Lets requests for content that nobody has yet take part in bursts. */
export class Bursts {
  readonly #components: BurstsComponents
  readonly #options: BurstsOptions
  readonly #givenUp = new Map<Digest, number>()
  readonly #grants: PendingGrants

  constructor(components: BurstsComponents, options: BurstsOptions) {
    this.#components = components
    this.#options = options
    this.#grants = new PendingGrants(components)
  }

  /**
   * The part of one request for `digest` from `offset` on in a burst; undefined where it takes none: unless this node's own
   * containerd is pulling the content, nobody could follow this node, and whoever asked may not want all of it.
   */
  async join(digest: Digest, offset: number, { signal }: CallOptions): Promise<BurstPart | undefined> {
    const { inProgress, now } = this.#components
    const givenUpAt = this.#givenUp.get(digest)
    if (givenUpAt !== undefined && now() - givenUpAt < GIVEN_UP_MS) return undefined
    const size = await inProgress.sizeOf(digest, { signal, awaitedFrom: offset })
    if (size === undefined) return undefined
    return new BurstPart(this.#components, {
      ...this.#options,
      digest,
      size,
      grants: this.#grants,
      onGivenUp: () => this.#giveUp(digest),
    })
  }

  #giveUp(digest: Digest): void {
    this.#givenUp.delete(digest)
    this.#givenUp.set(digest, this.#components.now())
    const [oldest] = this.#givenUp.keys()
    if (oldest !== undefined && this.#givenUp.size > MAX_GIVEN_UP) this.#givenUp.delete(oldest)
  }
}

interface BurstPartOptions extends BurstsOptions {
  readonly digest: Digest
  readonly size: number
  readonly grants: PendingGrants
  readonly onGivenUp: () => void
}

/** One request's claims, and the parents it was sent to. */
export class BurstPart {
  readonly #components: BurstsComponents
  readonly #options: BurstPartOptions
  readonly #faults = { lost: new Set<string>(), stalled: new Set<string>(), behind: new Set<string>() }
  #parents: Parent[] = []
  /** Made without progress in between. */
  #claims = 0
  #claimedFrom: number | undefined
  #waitedMs = 0

  constructor(components: BurstsComponents, options: BurstPartOptions) {
    this.#components = components
    this.#options = options
  }

  /** Of the whole content, in bytes. */
  get size(): number {
    return this.#options.size
  }

  /** How much longer the request may wait, in milliseconds. */
  get remainingMs(): number {
    return Math.max(0, this.#options.waitMs - this.#waitedMs)
  }

  /** Counts time that the request waited for a parent's response head. */
  addWait(waitedMs: number): void {
    this.#waitedMs += waitedMs
  }

  /** Notes that a parent failed; {@link next} tells the coordinator. */
  blame({ peer }: Parent, fault: Fault): void {
    const blamed = this.#faults[fault]
    blamed.delete(peer.id)
    blamed.add(peer.id)
    const [oldest] = blamed
    if (oldest !== undefined && blamed.size > MAX_NAMED_PEERS) blamed.delete(oldest)
  }

  /** Notes that upstream gives this node far more than `parent` did, so that it goes on alone. */
  outpace({ peer }: Parent): void {
    const { metrics, log } = this.#components
    metrics.coalesce.inc({ outcome: 'outpaced' })
    log.info('a parent is slower than upstream, and followed no more', {
      digest: this.#options.digest,
      parent: peer.id,
    })
  }

  /** The client is left with a part of the content: what it asks for next, it is to get from upstream at once. */
  giveUp(): void {
    this.#options.onGivenUp()
  }

  /** Whether this request, to which nothing has come, is to end: see {@link PendingGrants}. */
  async mustYield(options: CallOptions): Promise<boolean> {
    return await this.#options.grants.mustYield(this.#options.digest, options)
  }

  /** Whom to ask for the content from `offset` on; undefined where it is to come from upstream. */
  async next(offset: number, options: CallOptions): Promise<Parent | undefined> {
    const parent = this.#parents.shift()
    if (parent !== undefined) return parent
    const { metrics, log, now } = this.#components
    const { digest, onGivenUp } = this.#options
    const isFirst = this.#claimedFrom === undefined
    // In a large burst a long request outlives several parents, and each of them brought it further.
    if (offset - (this.#claimedFrom ?? offset) >= MIN_PROGRESS_BYTES) this.#claims = 0
    if (this.#claims === MAX_CLAIMS || this.remainingMs === 0) {
      onGivenUp()
      metrics.coalesce.inc({ outcome: 'given_up' })
      log.debug('burst given up', { digest, offset, claims: this.#claims })
      return undefined
    }
    this.#claims += 1
    this.#claimedFrom = offset
    const startedAt = now()
    const verdict = await this.#claim(offset, options)
    this.addWait(now() - startedAt)
    const outcome = outcomeOf(verdict, isFirst)
    metrics.coalesce.inc({ outcome })
    if (verdict.kind === 'upstream') {
      if (verdict.coordinated) this.#options.grants.note(digest, offset)
      log.debug('burst', { digest, offset, outcome })
      return undefined
    }
    const { parents, depth } = verdict
    log.debug('burst', { digest, offset, outcome, parent: parents[0]?.id, depth })
    this.#parents = parents.map(peer => ({ peer, depth }))
    return this.#parents.shift()
  }

  async #claim(offset: number, options: CallOptions): Promise<Verdict> {
    const { lost, stalled, behind } = this.#faults
    const { digest } = this.#options
    const faults = { lost: [...lost], stalled: [...stalled], behind: [...behind] }
    const signal = AbortSignal.any([options.signal, AbortSignal.timeout(Math.ceil(this.remainingMs))])
    try {
      return await this.#components.claimant.claim({ digest, offset, ...faults }, { signal })
    } catch (error) {
      options.signal.throwIfAborted()
      if (!signal.aborted) throw error
      return { kind: 'upstream', coordinated: false }
    }
  }
}

function outcomeOf(verdict: Verdict, isFirst: boolean): CoalesceOutcome {
  if (verdict.kind === 'follow') return isFirst ? 'followed' : 'moved'
  return verdict.coordinated ? 'granted' : 'alone'
}
