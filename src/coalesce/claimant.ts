import { PeerTimeoutError } from '../http/errors.ts'
import { startFairTimeout } from '../http/fair-timeout.ts'
import type { Digest } from '../oci/digest.ts'
import type { CallOptions, Members, Peer } from '../routing/router.ts'
import { type Claim, type ClaimAnswer, MAX_NAMED_PEERS } from './claim.ts'
import type { ClaimDesk } from './claim-desk.ts'
import type { ClaimTakers } from './claim-takers.ts'
import { ClaimUnsupportedError } from './errors.ts'

/**
 * Longest wait for one coordinator's answer. Where many nodes need the same layer at the same moment, it has some thousand
 * claims to answer, a few in a millisecond; one that is gone does not even accept a connection.
 */
export const ANSWER_TIMEOUT_MS = 1000
/**
 * How long the closest one is waited for until the next is asked as well. It answers a node that asks alone, so that one
 * that is frozen costs a lone pull no more than this and its time to think, once.
 */
const HEDGE_AFTER_MS = 150
/**
 * Coordinators that may leave a claim unanswered before the node goes on alone. After one that is silent the next is given half
 * its time; one that can't be reached mostly says so at once.
 */
const MAX_UNANSWERED = 3
/**
 * Parents that a node may be given in vain because it does not know them: they have just joined, it has itself, or it
 * noticed before the coordinator that they are gone.
 */
const MAX_UNKNOWN = 4

/** Takes a claim to another node. */
export interface ClaimSender {
  /**
   * @throws {ClaimUnsupportedError} where the node takes no claims
   * @throws where there is no usable answer
   */
  send(coordinator: Peer, claim: Claim, options: CallOptions): Promise<ClaimAnswer>
}

export interface ClaimantComponents {
  readonly members: Pick<Members, 'peerId' | 'find' | 'closest'>
  readonly takers: ClaimTakers
  /** That of this node. */
  readonly desk: Pick<ClaimDesk, 'claim' | 'note'>
  readonly sender: ClaimSender
  /** Default: `startFairTimeout`. */
  readonly startTimeout?: typeof startFairTimeout
}

export interface ClaimantOptions {
  /** Default: 1 s. */
  readonly answerTimeoutMs?: number
  /** Default: 150 ms. */
  readonly hedgeAfterMs?: number
}

export interface ClaimRequest {
  readonly digest: Digest
  /** How many bytes of the content this node has. */
  readonly offset: number
  /** Peer ids, as in {@link Claim}; default: none. */
  readonly lost?: readonly string[]
  readonly stalled?: readonly string[]
  readonly behind?: readonly string[]
}

/** Where a node is to get content from: upstream, or peers that are fetching it. */
export type Verdict =
  /** `coordinated`: others follow this node. Where not, nobody could be asked, and they may be doing the same. */
  | { readonly kind: 'upstream'; readonly coordinated: boolean }
  | { readonly kind: 'follow'; readonly parents: readonly Peer[]; readonly depth: number }

/** `silent`: none in time. Undefined where the coordinator can't be reached, or gives no usable one. */
type Answer = ClaimAnswer | 'unsupported' | 'silent' | undefined

interface Asked {
  readonly peer: Peer
  /** The coordinator after it; undefined where that is this node. */
  readonly next: Peer | undefined
  /** Whether no other has been silent. */
  readonly isFirst: boolean
}

interface AskOptions extends CallOptions {
  readonly timeoutMs: number
}

const ALONE: Verdict = { kind: 'upstream', coordinated: false }

/** Claims content at the member that is closest to its digest, which may be this node, else at the next closest. */
export class Claimant {
  readonly #components: ClaimantComponents
  readonly #answerTimeoutMs: number
  readonly #hedgeAfterMs: number
  readonly #startTimeout: typeof startFairTimeout

  constructor(components: ClaimantComponents, options: ClaimantOptions = {}) {
    this.#components = components
    this.#answerTimeoutMs = options.answerTimeoutMs ?? ANSWER_TIMEOUT_MS
    this.#hedgeAfterMs = options.hedgeAfterMs ?? HEDGE_AFTER_MS
    this.#startTimeout = components.startTimeout ?? startFairTimeout
  }

  /** Never rejects but with the reason of `signal`: a claim that can't be made is one less node that coalesces. */
  async claim(request: ClaimRequest, options: CallOptions): Promise<Verdict> {
    const { members, desk } = this.#components
    const { digest, offset, lost = [], stalled = [], behind = [] } = request
    const unknown: string[] = []
    while (unknown.length < MAX_UNKNOWN) {
      const useless = [...behind, ...unknown].slice(-MAX_NAMED_PEERS)
      const claim = { node: members.peerId, digest, offset, lost, stalled, behind: useless, redirected: false }
      const answer = await this.#answer(claim, options)
      if (answer?.outcome === 'granted') return { kind: 'upstream', coordinated: true }
      if (answer?.outcome !== 'follow') return ALONE
      // They have claimed it too: where a coordinator is silent next, this node is not the only one to ask.
      for (const parent of answer.parents) desk.note(parent)
      const parents = answer.parents
        .map(id => members.find(id, { evenDoubted: true }))
        .filter(peer => peer !== undefined)
      if (parents.length > 0) return { kind: 'follow', parents, depth: answer.depth }
      unknown.push(...answer.parents)
    }
    return ALONE
  }

  /** That of the closest member that answers; undefined where several do not. */
  async #answer(claim: Claim, options: CallOptions): Promise<ClaimAnswer | undefined> {
    const { members, takers, desk } = this.#components
    const [closest] = members.closest(claim.digest, 1, { evenDoubted: true })
    const nearer = takers.nearer(claim.digest)
    if (nearer.length > 0) desk.note(claim.node)
    let [unanswered, silent] = [0, 0]
    for (const [index, peer] of nearer.entries()) {
      // One that is not closest would point to one that was asked in vain: it may not have noticed yet.
      const timeoutMs = this.#answerTimeoutMs / 2 ** silent
      const redirected = peer.id !== closest?.id
      const asked = { peer, next: nearer[index + 1], isFirst: silent === 0 }
      const answer = await this.#askHedged(asked, { ...claim, redirected }, { ...options, timeoutMs })
      if (answer === 'unsupported') continue
      if (answer !== undefined && answer !== 'silent') return answer
      unanswered += 1
      if (answer === 'silent') silent += 1
      if (unanswered === MAX_UNANSWERED) return undefined
    }
    return await desk.claim({ ...claim, redirected: true }, options)
  }

  /** The answer of `peer`, or that of the next coordinator where `peer` takes long and no other node asks for the same. */
  async #askHedged({ peer, next, isFirst }: Asked, claim: Claim, options: AskOptions): Promise<Answer> {
    if (!isFirst) return await this.#ask(peer, claim, options)
    const enough = new AbortController()
    const limited = { ...options, signal: AbortSignal.any([options.signal, enough.signal]) }
    const { promise: late, resolve } = Promise.withResolvers<'late'>()
    using _timeout = this.#startTimeout(this.#hedgeAfterMs, () => resolve('late'))
    const answered = this.#ask(peer, claim, limited)
    try {
      const early = await Promise.race([answered, late])
      if (early !== 'late') return early
      const instead = this.#askNext(next, claim, limited)
      const { answer, isSilent } = await Promise.race([
        answered.then(answer => ({ answer, isSilent: false })),
        instead.then(async other => ({ answer: other ?? (await answered), isSilent: other !== undefined })),
      ])
      if (isSilent) this.#components.takers.silence(peer)
      return answer
    } finally {
      enough.abort()
    }
  }

  /**
   * The decision of the coordinator after one that is silent; undefined where there is none. Told to wait, a node asks again: by then
   * that coordinator may have given the closer one up itself.
   */
  async #askNext(next: Peer | undefined, claim: Claim, options: AskOptions): Promise<ClaimAnswer | undefined> {
    const hedged = { ...claim, redirected: true, hedged: true }
    const { desk } = this.#components
    for (let pauseMs = this.#hedgeAfterMs; ; pauseMs *= 2) {
      const answer = next === undefined ? await desk.claim(hedged, options) : await this.#send(next, hedged, options)
      if (!isDecision(answer)) return undefined
      if (answer.outcome === 'granted' || answer.outcome === 'follow') return answer
      if (answer.outcome !== 'wait') return undefined
      const { promise, resolve } = Promise.withResolvers<void>()
      using _timeout = this.#startTimeout(pauseMs, resolve)
      await promise
      options.signal.throwIfAborted()
    }
  }

  /** The answer of a coordinator, or of the one that it points to; undefined where there is none. */
  async #ask(peer: Peer, claim: Claim, options: AskOptions): Promise<Answer> {
    const answer = await this.#send(peer, claim, options)
    if (!isDecision(answer) || answer.outcome !== 'redirect') return answer
    const closer = this.#components.members.find(answer.to, { evenDoubted: true })
    const redirected = { ...claim, redirected: true }
    const better = closer === undefined ? undefined : await this.#send(closer, redirected, options)
    // What it points to may be gone, which it learns later than this node.
    return isDecision(better) ? better : await this.#send(peer, redirected, options)
  }

  async #send(peer: Peer, claim: Claim, { signal, timeoutMs }: AskOptions): Promise<Answer> {
    const { sender, takers } = this.#components
    const patience = new AbortController()
    using _timeout = this.#startTimeout(timeoutMs, () => patience.abort())
    try {
      return await sender.send(peer, claim, { signal: AbortSignal.any([signal, patience.signal]) })
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof ClaimUnsupportedError) {
        takers.exclude(peer)
        return 'unsupported'
      }
      if (!patience.signal.aborted && !(error instanceof PeerTimeoutError)) return undefined
      takers.silence(peer)
      return 'silent'
    }
  }
}

function isDecision(answer: Answer): answer is ClaimAnswer {
  return typeof answer === 'object'
}
