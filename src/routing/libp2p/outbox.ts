import type { Clock } from '../clock.ts'
import { kadMessage } from './kad-message.ts'
import type { Member } from './members.ts'
import type { OwnPeer } from './own-peer.ts'
import type { RecordKey } from './record-key.ts'

/** Records sent before the member's word that it has taken them: what a lookup has to wait behind. */
const BATCH_RECORDS = 200
const FIRST_RETRY_MS = 500
const LONGEST_RETRY_MS = 30_000

export interface OutboxComponents {
  readonly clock: Clock
  readonly member: Member
  readonly own: OwnPeer
  /** Whether a key is still to be announced when its turn comes. */
  readonly isProvided: (key: RecordKey) => boolean
}

/** Records on their way to one member: batch after batch, tried again until the member is gone. */
export class Outbox {
  readonly #components: OutboxComponents
  readonly #waiting = new Set<RecordKey>()
  #changed = Promise.withResolvers<void>()
  #attempted = Promise.withResolvers<void>()
  readonly #closed = new AbortController()
  #failing = false

  constructor(components: OutboxComponents) {
    this.#components = components
  }

  /** Queues `keys`; one that waits already is sent once. Memory is bounded by the number of keys this node provides. */
  push(keys: Iterable<RecordKey>): void {
    for (const key of keys) this.#waiting.add(key)
    this.#changed.resolve()
  }

  /** Resolves when all that waits was sent, or could not be at the first attempt. */
  async attempted(): Promise<void> {
    if (this.#waiting.size > 0 && !this.#failing) await this.#attempted.promise
  }

  /** Ends {@link run}; what waits is dropped. */
  close(): void {
    this.#closed.abort()
  }

  /** Sends until `stop` aborts or the outbox is closed. */
  async run(stop: AbortSignal): Promise<void> {
    const { clock } = this.#components
    const signal = AbortSignal.any([stop, this.#closed.signal])
    signal.addEventListener('abort', () => this.#changed.resolve(), { once: true })
    let retryMs = FIRST_RETRY_MS
    while (!signal.aborted) {
      this.#changed = Promise.withResolvers()
      while (this.#waiting.size > 0 && !signal.aborted) {
        this.#failing = !(await this.#sendBatch(signal))
        if (!this.#failing) retryMs = FIRST_RETRY_MS
        else {
          this.#settle()
          await clock.sleep(retryMs, { signal })
          retryMs = Math.min(2 * retryMs, LONGEST_RETRY_MS)
        }
      }
      this.#settle()
      await this.#changed.promise
    }
    this.#settle()
  }

  async #sendBatch(signal: AbortSignal): Promise<boolean> {
    const { member, own, isProvided } = this.#components
    const batch = this.#waiting.values().take(BATCH_RECORDS).toArray()
    const providers = [own.kadPeer]
    const messages = batch.filter(isProvided).map(key => kadMessage('ADD_PROVIDER', { key: key.bytes, providers }))
    try {
      await member.stream.deliver(messages, { signal })
    } catch {
      return false
    }
    for (const key of batch) this.#waiting.delete(key)
    return true
  }

  #settle(): void {
    this.#attempted.resolve()
    this.#attempted = Promise.withResolvers()
  }
}
