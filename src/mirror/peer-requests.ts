import { formatHostPort } from '../http/host-port.ts'
import type { PeerClient, PeerResponse } from '../http/peer-client.ts'
import type { Log } from '../observability/log.ts'
import type { Metrics, PeerFailure } from '../observability/metrics.ts'
import type { CallOptions, Doubts, Peer } from '../routing/router.ts'
import { isBlameless, peerFailure } from './errors.ts'
import type { HeaderTimes } from './header-times.ts'
import { PeerAnswer } from './peer-answer.ts'
import type { PeerScores } from './peer-scores.ts'
import type { BodyGuard } from './stall-guard.ts'

/** How long a peer is waited for that is still fetching what it is asked for. */
interface FollowLimits {
  readonly connectTimeoutMs: number
  /** Longest wait for a response head, connecting included. */
  readonly headersTimeoutMs: number
}

/** What each peer that is tried is asked. */
export interface Question<Head> {
  readonly method: 'GET' | 'HEAD'
  /** Path and query. */
  readonly target: string
  /** Value of the `Range` header. */
  readonly range?: string | undefined
  /** The digest or name asked for, as it goes to the log. */
  readonly subject: string
  /** Watches the body. */
  readonly guard: BodyGuard
  /** The peer may answer with what it is still fetching; such a peer has limits of its own. */
  readonly follow?: FollowLimits
  /**
   * Reads what matters from a response head.
   * @throws where the answer is not good
   */
  readonly check: (response: PeerResponse) => Head
}

/** What a peer that is fetching the content itself may only pass on of what it suffers. */
const PASSED_ON: ReadonlySet<PeerFailure> = new Set(['timeout', 'stall', 'reset'])

export interface PeerRequestComponents {
  readonly client: PeerClient
  readonly scores: PeerScores
  /** Default: nobody. */
  readonly doubts?: Doubts
  readonly headerTimes: HeaderTimes
  readonly metrics: Metrics
  readonly log: Log
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number
}

export interface PeerRequestOptions {
  /** Longest wait for a response head, connecting included. */
  readonly headersTimeoutMs: number
}

interface Failure {
  readonly error: unknown
  /** When the peer was asked. */
  readonly startedAt: number
}

/** Failures after which the peer may not be there at all. */
const UNANSWERED: ReadonlySet<PeerFailure> = new Set(['connect', 'timeout', 'stall'])

/** Asks peers, and keeps the books: scores, counts and the log learn of every outcome exactly once. */
export class PeerRequests {
  readonly #components: PeerRequestComponents
  readonly #options: PeerRequestOptions

  constructor(components: PeerRequestComponents, options: PeerRequestOptions) {
    this.#components = components
    this.#options = options
  }

  /**
   * Resolves with a good answer: one that `question.check` accepts.
   * @param options.signal gives up the request, or the answer once it is there
   * @throws where the peer has none
   */
  async ask<Head>(peer: Peer, question: Question<Head>, options: CallOptions): Promise<PeerAnswer<Head>> {
    const answer = await this.#open(peer, question, options)
    // A head is all there is. Reaching the end settles the answer and lets its connection be used again.
    if (question.method === 'HEAD') await answer.read()
    return answer
  }

  async #open<Head>(peer: Peer, question: Question<Head>, { signal }: CallOptions): Promise<PeerAnswer<Head>> {
    const { client, scores, headerTimes, now } = this.#components
    const startedAt = now()
    scores.report(peer, { type: 'started' })
    try {
      const response = await client.request(
        {
          endpoint: peer.registry,
          method: question.method,
          target: question.target,
          headers: {
            'x-spegel-mirrored': 'true',
            ...(question.follow === undefined ? {} : { 'x-spegel-in-progress': 'true' }),
            ...(question.range === undefined ? {} : { range: question.range }),
          },
        },
        { signal, headersTimeoutMs: this.#options.headersTimeoutMs, ...question.follow },
      )
      const head = checked(response, question)
      const elapsedMs = now() - startedAt
      this.#components.metrics.activity.current?.attempt(formatHostPort(peer.registry), 'answered', elapsedMs)
      const follows = question.follow !== undefined
      // How long content takes that is still being fetched says nothing of when to ask another peer, or of this one.
      if (!follows) {
        headerTimes.add(elapsedMs)
        scores.report(peer, { type: 'head', elapsedMs })
      }
      return new PeerAnswer(
        { peer, head, body: response.body },
        {
          guard: question.guard,
          now,
          signal,
          onDone: (bytes, waitedMs) =>
            scores.report(peer, follows ? { type: 'abandoned' } : { type: 'done', bytes, waitedMs }),
          onFailed: error => this.#failed(peer, question, { error, startedAt }),
          onAbandoned: () => scores.report(peer, { type: 'abandoned' }),
        },
      )
    } catch (error) {
      if (signal.aborted) scores.report(peer, { type: 'abandoned' })
      else this.#failed(peer, question, { error, startedAt })
      throw error
    }
  }

  #failed(peer: Peer, { subject, follow }: Question<unknown>, { error, startedAt }: Failure): void {
    const { doubts, scores, metrics, log, now } = this.#components
    const reason = peerFailure(error)
    const isBlamed = !isBlameless(error) && (follow === undefined || !PASSED_ON.has(reason))
    metrics.peerFailures.inc({ reason })
    const fields = { subject, peer: formatHostPort(peer.registry), reason, error }
    metrics.activity.current?.attempt(fields.peer, reason, now() - startedAt)
    scores.report(peer, isBlamed ? { type: 'failed', reason } : { type: 'abandoned' })
    // A quarantine ends within seconds, and would make every one of a dead peer's keys cost another wait.
    if (UNANSWERED.has(reason) && (follow === undefined || !PASSED_ON.has(reason))) doubts?.doubt(peer)
    // A peer without the content, or with enough to do, is in order.
    const level = isBlameless(error) || reason === 'busy' ? 'debug' : 'warn'
    log[level]('request to peer failed', fields)
  }
}

function checked<Head>(response: PeerResponse, question: Question<Head>): Head {
  try {
    return question.check(response)
  } catch (error) {
    response.body.destroy()
    throw error
  }
}
