import { formatHostPort } from '../http/host-port.ts'
import type { PeerClient, PeerResponse } from '../http/peer-client.ts'
import type { Log } from '../observability/log.ts'
import type { Metrics, PeerFailure } from '../observability/metrics.ts'
import type { CallOptions, Doubts, Peer } from '../routing/router.ts'
import { isBlameless, peerFailure } from './errors.ts'
import type { HeaderTimes } from './header-times.ts'
import { PeerAnswer } from './peer-answer.ts'
import type { PeerScores } from './peer-scores.ts'
import type { StallGuard } from './stall-guard.ts'

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
  readonly guard: StallGuard
  /**
   * Reads what matters from a response head.
   * @throws where the answer is not good
   */
  readonly check: (response: PeerResponse) => Head
}

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
            ...(question.range === undefined ? {} : { range: question.range }),
          },
        },
        { signal, headersTimeoutMs: this.#options.headersTimeoutMs },
      )
      const head = checked(response, question)
      const elapsedMs = now() - startedAt
      headerTimes.add(elapsedMs)
      scores.report(peer, { type: 'head', elapsedMs })
      return new PeerAnswer(
        { peer, head, body: response.body },
        {
          guard: question.guard,
          now,
          signal,
          onDone: (bytes, waitedMs) => scores.report(peer, { type: 'done', bytes, waitedMs }),
          onFailed: error => this.#failed(peer, question.subject, error),
          onAbandoned: () => scores.report(peer, { type: 'abandoned' }),
        },
      )
    } catch (error) {
      if (signal.aborted) scores.report(peer, { type: 'abandoned' })
      else this.#failed(peer, question.subject, error)
      throw error
    }
  }

  #failed(peer: Peer, subject: string, error: unknown): void {
    const { doubts, scores, metrics, log } = this.#components
    const reason = peerFailure(error)
    metrics.peerFailures.inc({ reason })
    const fields = { subject, peer: formatHostPort(peer.registry), reason, error }
    scores.report(peer, isBlameless(error) ? { type: 'abandoned' } : { type: 'failed', reason })
    // A quarantine ends within seconds, and would make every one of a dead peer's keys cost another wait.
    if (UNANSWERED.has(reason)) doubts?.doubt(peer)
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
