import { ClientGoneError } from './errors.ts'
import type { Exchange } from './exchange.ts'
import { type ResponseHead, writeHead } from './response-head.ts'

export interface BodyWriterOptions {
  readonly head: ResponseHead
  /** Length of the body; default: that of a Content-Length among the headers, else unknown. */
  readonly contentLength?: number
}

/**
 * Writes one response body and counts the writes that the kernel has not taken yet. The head goes out with the first
 * bytes, so that up to then the exchange can still be answered otherwise.
 */
export class BodyWriter implements Disposable {
  readonly #exchange: Exchange
  readonly #options: BodyWriterOptions
  #sentBytes = 0
  /** Ends each write that the kernel has not taken yet. */
  readonly #pending = new Set<(cause?: Error | null) => void>()
  #failure: ClientGoneError | undefined
  #wake: () => void = () => undefined
  readonly #onAbort = (): void => this.#wake()

  constructor(exchange: Exchange, options: BodyWriterOptions) {
    this.#exchange = exchange
    this.#options = options
    exchange.signal.addEventListener('abort', this.#onAbort)
    // What is written between the end of its socket and its own, a response keeps without a word.
    exchange.response.once('close', () => {
      for (const written of this.#pending) written(new Error('the connection was closed'))
    })
  }

  /** Body bytes given to {@link write}. */
  get sentBytes(): number {
    return this.#sentBytes
  }

  /** Sends the head at once: there is no other answer from here on. */
  begin(): void {
    this.#writeHead()
    this.#exchange.response.flushHeaders()
  }

  /** Writes `chunk`, which must not change until `onWritten` is called. That happens once, whatever becomes of it. */
  write(chunk: Uint8Array, onWritten?: () => void): void {
    this.#writeHead()
    const written = (cause?: Error | null): void => {
      if (!this.#pending.delete(written)) return
      onWritten?.()
      if (cause) this.#failure ??= new ClientGoneError({ cause })
      this.#wake()
    }
    this.#pending.add(written)
    this.#exchange.response.write(chunk, written)
    this.#sentBytes += chunk.length
  }

  /**
   * Waits until at most `count` writes are in flight.
   * @throws {ClientGoneError} where a write failed
   * @throws the reason of the exchange's signal, where that aborts
   */
  async drainTo(count: number): Promise<void> {
    const { signal } = this.#exchange
    while (this.#pending.size > count && this.#failure === undefined && !signal.aborted) {
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
    signal.throwIfAborted()
    if (this.#failure !== undefined) throw this.#failure
  }

  /**
   * Completes the response once everything is written.
   * @throws where the body has not the length that the head says
   */
  async finish(): Promise<void> {
    await this.drainTo(0)
    this.#writeHead()
    this.#exchange.response.end()
  }

  [Symbol.dispose](): void {
    this.#exchange.signal.removeEventListener('abort', this.#onAbort)
  }

  #writeHead(): void {
    const { response } = this.#exchange
    if (!response.headersSent) writeHead(response, this.#options.head, this.#options.contentLength)
  }
}
