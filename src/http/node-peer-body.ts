import type { IncomingMessage } from 'node:http'
import { PeerBodyError } from './errors.ts'
import type { PeerBody } from './peer-client.ts'

interface PendingRead {
  resolve(chunk: Buffer | undefined): void
  reject(error: unknown): void
}

export interface NodePeerBodyOptions {
  /** Names the peer in errors. */
  readonly peer: string
  /** Gives the body up. */
  readonly signal: AbortSignal
}

/** The body of a node:http response, as the chunks that come off the socket. Reads nothing ahead. */
export class NodePeerBody implements PeerBody {
  readonly #message: IncomingMessage
  readonly #options: NodePeerBodyOptions
  #pending: PendingRead | undefined

  constructor(message: IncomingMessage, options: NodePeerBodyOptions) {
    this.#message = message
    this.#options = options
    message.pause()
    message.on('data', (chunk: Buffer) => {
      const pending = this.#takePending()
      // Nobody waits: the body was given up, and flows into nothing.
      if (pending === undefined) return
      message.pause()
      pending.resolve(chunk)
    })
    message.on('end', () => this.#takePending()?.resolve(undefined))
    message.on('error', error => this.#takePending()?.reject(this.#failure(error)))
    const abort = (): void => {
      message.destroy()
    }
    options.signal.addEventListener('abort', abort)
    if (options.signal.aborted) abort()
    message.on('close', () => {
      options.signal.removeEventListener('abort', abort)
      this.#takePending()?.reject(this.#failure())
    })
  }

  read(): Promise<Buffer | undefined> {
    const message = this.#message
    if (message.readableEnded) return Promise.resolve(undefined)
    if (message.destroyed) return Promise.reject(this.#failure(message.errored))
    return new Promise((resolve, reject) => {
      this.#pending = { resolve, reject }
      message.resume()
    })
  }

  destroy(): void {
    this.#takePending()?.reject(this.#failure())
    // A body that is here already, that of most errors, need not cost the connection.
    if (this.#message.complete) this.#message.resume()
    else this.#message.destroy()
  }

  #takePending(): PendingRead | undefined {
    const pending = this.#pending
    this.#pending = undefined
    return pending
  }

  #failure(cause?: Error | null): unknown {
    const { peer, signal } = this.#options
    return signal.aborted ? signal.reason : new PeerBodyError(peer, { cause })
  }
}
