import type { Clock } from '../clock.ts'
import type { Background } from './background.ts'
import type { RecordTarget } from './record-target.ts'
import { MAX_KEYS } from './records-message.ts'

const FIRST_RETRY_MS = 500
const LONGEST_RETRY_MS = 30_000

export interface OutboxComponents {
  readonly clock: Clock
  readonly background: Background
  readonly target: RecordTarget
  /** Told the names of keys that so many hold that the target did not note this node. */
  readonly enough: (name: string) => void
}

/**
 * Announcements and retractions on their way to one member: batch after batch, tried again until the member is gone.
 * Of one key only the latest matters. Retractions go first: someone may be misled meanwhile.
 */
export class Outbox {
  readonly #components: OutboxComponents
  /** Record keys by name: no more than this node provides, or did a moment ago. */
  readonly #announced = new Map<string, Uint8Array>()
  readonly #retracted = new Map<string, Uint8Array>()
  #attempt: PromiseWithResolvers<void> | undefined
  #isSending = false
  #isClosed = false

  constructor(components: OutboxComponents) {
    this.#components = components
  }

  announce(name: string, key: Uint8Array): void {
    this.#retracted.delete(name)
    this.#announced.set(name, key)
    this.#start()
  }

  retract(name: string, key: Uint8Array): void {
    this.#announced.delete(name)
    if (this.#components.target.kind === 'kad') return
    this.#retracted.set(name, key)
    this.#start()
  }

  /** Resolves when all that waits was sent, or could not be at the first attempt. */
  async attempted(): Promise<void> {
    await this.#attempt?.promise
  }

  /** The member is gone: what waits is dropped. */
  close(): void {
    this.#isClosed = true
    this.#announced.clear()
    this.#retracted.clear()
  }

  #start(): void {
    if (this.#isSending || this.#isClosed) return
    this.#isSending = true
    this.#attempt = Promise.withResolvers()
    this.#components.background.run('send provider records', signal => this.#send(signal))
  }

  async #send(signal: AbortSignal): Promise<void> {
    const { clock } = this.#components
    let retryMs = FIRST_RETRY_MS
    while (this.#announced.size + this.#retracted.size > 0 && !signal.aborted) {
      if (await this.#sendBatch(signal)) {
        retryMs = FIRST_RETRY_MS
        continue
      }
      this.#settle()
      await clock.sleep(retryMs, { signal })
      retryMs = Math.min(2 * retryMs, LONGEST_RETRY_MS)
    }
    this.#isSending = false
    this.#settle()
  }

  async #sendBatch(signal: AbortSignal): Promise<boolean> {
    const { target, enough } = this.#components
    const waiting = this.#retracted.size > 0 ? this.#retracted : this.#announced
    const batch = waiting.entries().take(MAX_KEYS).toArray()
    const keys = batch.map(([, key]) => key)
    try {
      if (waiting === this.#retracted) await target.retract(keys, { signal })
      else for (const place of await target.announce(keys, { signal })) enough(batch[place]?.[0] ?? '')
    } catch {
      return false
    }
    for (const [name] of batch) waiting.delete(name)
    return true
  }

  #settle(): void {
    this.#attempt?.resolve()
    this.#attempt = undefined
  }
}
