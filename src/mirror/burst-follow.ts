import type { BurstPart, Bursts, Fault, Parent } from '../coalesce/bursts.ts'
import type { FollowedTransfer, UpstreamRate } from '../coalesce/upstream-rate.ts'
import type { PulledBody } from '../http/body.ts'
import { PeerBusyError, PeerTimeoutError } from '../http/errors.ts'
import { startFairTimeout } from '../http/fair-timeout.ts'
import type { PeerResponse } from '../http/peer-client.ts'
import type { Digest } from '../oci/digest.ts'
import { PeerSlowError, PeerStallError, PeerStatusError, PeerYieldError } from './errors.ts'
import type { PeerAnswer } from './peer-answer.ts'
import type { PeerRequests, Question } from './peer-requests.ts'
import { type BodyGuard, StallGuard, type StallLimits } from './stall-guard.ts'

/** Longest wait for a connection to a parent. */
const CONNECT_TIMEOUT_MS = 250
/**
 * How much longer a node waits for a parent that stalls than that parent for its own: whoever is closest to the fault
 * notices it first, and finds all below it a new source.
 */
const STALL_MS_PER_DEPTH = 1000
/** How long a parent may have sent nothing at all until it is asked whether the request keeps others from beginning. */
const FIRST_BYTE_MS = 1000
/** Parents that may stall in a row: a client is held no longer than while one takes over from another. */
const MAX_STALLS = 2
/** What a parent says that has less than it is asked for, or enough to do. */
const NO_FAULT: ReadonlySet<number> = new Set([416, 503])

export interface BurstFollowComponents {
  /** Undefined where bursts are not coalesced. */
  readonly bursts: Bursts | undefined
  /** Undefined where nothing tells how fast upstream is. */
  readonly upstream: UpstreamRate | undefined
  readonly requests: PeerRequests
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number
}

export interface BurstFollowOptions {
  readonly digest: Digest
  /** The least that a parent's body must bring, not counting its distance from upstream. */
  readonly stall: StallLimits
  /** Longest wait for a parent's response head; default: as long as the request may wait. */
  readonly headersTimeoutMs?: number
  readonly signal: AbortSignal
}

/** What parents are asked. */
export type ParentQuestion<Head> = Omit<Question<Head>, 'guard' | 'follow'>

/** One request's way along peers that are still fetching what it asks for. */
export class BurstFollow implements Disposable {
  readonly #components: BurstFollowComponents
  readonly #options: BurstFollowOptions
  readonly #parents = new WeakMap<object, Parent>()
  #part: Promise<BurstPart | undefined> | undefined
  #preparedFrom: number | undefined
  #transfer: FollowedTransfer | undefined
  #isAlone = false
  #hasBegun = false
  #hasYielded = false
  /** Parents that stalled in a row, with hardly anything in between. */
  #stalls = 0
  #hasJustStalled = false
  #askedFrom = 0

  constructor(components: BurstFollowComponents, options: BurstFollowOptions) {
    this.#components = components
    this.#options = options
  }

  /** Finds out whether there may be something to follow, whoever answers, for {@link find} to know it already. */
  prepare(offset: number): void {
    this.#preparedFrom = offset
    // Whether it can be known matters to `find` alone.
    this.#join(offset).catch(() => undefined)
  }

  /** The first good answer of a parent that has more than `offset` bytes; undefined where upstream is to be asked. */
  async find<Head>(question: ParentQuestion<Head>, offset: number): Promise<PeerAnswer<Head> | undefined> {
    const { digest, signal } = this.#options
    const part = (await this.#join(offset)) ?? (await this.#joinLater(offset))
    if (offset - this.#askedFrom >= this.#options.stall.minBytes) this.#stalls = this.#hasJustStalled ? 1 : 0
    this.#askedFrom = offset
    if (part === undefined || this.#hasYielded) return undefined
    while (!this.#isAlone && this.#stalls < MAX_STALLS) {
      const parent = await part.next(offset, { signal })
      if (parent === undefined) break
      const answer = await this.#ask(parent, question, part)
      if (answer !== undefined) return answer
    }
    this.#components.upstream?.watch(digest, offset, part.size)
    return undefined
  }

  /** Whether {@link find} gave `answer`. */
  gave(answer: PeerAnswer): boolean {
    return this.#parents.has(answer)
  }

  /** Notes that the body of an answer that {@link find} gave broke off. */
  async broke(answer: PeerAnswer, error: unknown): Promise<void> {
    const parent = this.#parents.get(answer)
    if (parent === undefined) return
    this.#hasJustStalled = error instanceof PeerStallError
    if (this.#hasJustStalled) this.#stalls += 1
    const part = await this.#part
    if (error instanceof PeerYieldError) this.#hasYielded = true
    else if (error instanceof PeerSlowError) {
      this.#isAlone = true
      part?.outpace(parent)
    } else part?.blame(parent, faultOf(error))
  }

  /** The client is left with a part of the content; what it asks for next comes from upstream, unless it made room. */
  async giveUp(): Promise<void> {
    const part = await this.#part?.catch(() => undefined)
    if (!this.#hasYielded) part?.giveUp()
  }

  [Symbol.dispose](): void {
    this.#transfer?.[Symbol.dispose]()
  }

  #join(offset: number): Promise<BurstPart | undefined> {
    const { digest, signal } = this.#options
    this.#part ??= this.#components.bursts?.join(digest, offset, { signal }) ?? Promise.resolve(undefined)
    return this.#part
  }

  /** What was not so when the request began may be so by the time that a body breaks off. */
  async #joinLater(offset: number): Promise<BurstPart | undefined> {
    if (this.#preparedFrom === undefined || offset === this.#preparedFrom) return undefined
    this.#preparedFrom = undefined
    this.#part = undefined
    return await this.#join(offset)
  }

  async #ask<Head>(
    parent: Parent,
    question: ParentQuestion<Head>,
    part: BurstPart,
  ): Promise<PeerAnswer<Head> | undefined> {
    const { requests, now } = this.#components
    const { signal, headersTimeoutMs = part.remainingMs } = this.#options
    const startedAt = now()
    try {
      const answer = await requests.ask(
        parent.peer,
        {
          ...question,
          check: response => question.check(notBehind(response)),
          guard: this.#guard(parent, part),
          follow: {
            connectTimeoutMs: CONNECT_TIMEOUT_MS,
            headersTimeoutMs: Math.min(headersTimeoutMs, part.remainingMs),
          },
        },
        { signal },
      )
      this.#parents.set(answer, parent)
      return answer
    } catch (error) {
      signal.throwIfAborted()
      part.blame(parent, faultOf(error))
      return undefined
    } finally {
      part.addWait(now() - startedAt)
    }
  }

  /** Gives a parent up that stalls, or brings less than upstream would. */
  #guard({ depth }: Parent, part: BurstPart): BodyGuard {
    const { upstream, now } = this.#components
    const { stall } = this.#options
    const windowMs = (stall.windowMs + STALL_MS_PER_DEPTH * depth) / (this.#stalls + 1)
    const guard = new StallGuard({ ...stall, windowMs }, { now })
    this.#transfer ??= upstream?.follow()
    const transfer = this.#transfer
    return {
      watch: body => {
        const watched = guard.watch(body)
        return {
          read: async () => {
            const startedAt = now()
            const reading = watched.read()
            if (!this.#hasBegun) await this.#begun(reading, body, part)
            const chunk = await reading
            this.#hasBegun = true
            const isTooSlow = transfer?.add(chunk?.length ?? 0, now() - startedAt) === true
            if (!isTooSlow || chunk === undefined) return chunk
            body.destroy()
            throw new PeerSlowError()
          },
          [Symbol.dispose]: () => watched[Symbol.dispose](),
        }
      },
    }
  }

  /**
   * Waits until `reading` is over, or has taken long enough to tell that it may go on.
   * @throws {PeerYieldError} where it may not; `body` is destroyed then
   */
  async #begun(reading: Promise<unknown>, body: PulledBody, part: BurstPart): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<'late'>()
    using _timeout = startFairTimeout(FIRST_BYTE_MS, () => resolve('late'))
    if ((await Promise.race([reading, late])) !== 'late') return
    if (!(await part.mustYield({ signal: this.#options.signal }))) return
    // It ends with the body.
    reading.catch(() => {})
    body.destroy()
    throw new PeerYieldError()
  }
}

/**
 * Passes a response on that is not of a parent that has too little.
 * @throws {PeerStatusError} where it is: to one that has all, 416 would mean another thing
 */
function notBehind(response: PeerResponse): PeerResponse {
  if (NO_FAULT.has(response.status)) throw new PeerStatusError(response.status)
  return response
}

function faultOf(error: unknown): Fault {
  if (error instanceof PeerStallError || error instanceof PeerTimeoutError) return 'stalled'
  if (error instanceof PeerBusyError) return 'behind'
  return error instanceof PeerStatusError && NO_FAULT.has(error.status) ? 'behind' : 'lost'
}
