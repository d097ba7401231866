import { EventEmitter, once } from 'node:events'
import type { CallOptions, Growth } from '../../src/store/store.ts'

type State = 'arriving' | 'committed' | 'aborted'

/** A download that a test feeds. */
export class MemoryDownload {
  /** What the content will have once complete, in bytes. */
  readonly size: number
  readonly #settle: (outcome: 'committed' | 'aborted') => void
  readonly #events = new EventEmitter()
  #received = Buffer.alloc(0)
  #state: State = 'arriving'
  #isLive = true

  /** @param settle told once how the download ended, before its waits end */
  constructor(size: number, settle: (outcome: 'committed' | 'aborted') => void) {
    this.size = size
    this.#settle = settle
  }

  /** What arrived so far. */
  received(): Buffer {
    return this.#received
  }

  /** Whether something came since it was last stalled. */
  get isLive(): boolean {
    return this.#isLive
  }

  append(chunk: Buffer): void {
    this.#isLive = true
    this.#received = Buffer.concat([this.#received, chunk])
    this.#events.emit('change')
  }

  /** The content becomes part of the store as it is. */
  commit(): void {
    this.#end('committed')
  }

  /** Drops the content. */
  abort(): void {
    this.#end('aborted')
  }

  /** Ends the waits that are under way as stalled; it is live again once something comes. */
  stall(): void {
    this.#isLive = false
    this.#events.emit('change', 'stalled')
  }

  /** As `GrowingBlob.waitPast`; `isHeld` tells whether the store came by the whole content in another way. */
  async waitPast(position: number, options: CallOptions & { readonly isHeld: () => boolean }): Promise<Growth> {
    for (;;) {
      options.signal.throwIfAborted()
      if (options.isHeld()) return 'committed'
      if (this.#state !== 'arriving') return this.#state
      if (this.#received.length > position) return 'grown'
      const [stalled]: unknown[] = await once(this.#events, 'change', { signal: options.signal }).catch(() => [])
      if (stalled === 'stalled') return 'stalled'
    }
  }

  #end(outcome: 'committed' | 'aborted'): void {
    this.#state = outcome
    this.#settle(outcome)
    this.#events.emit('change')
  }
}
