import type { Stream } from '@libp2p/interface'
import type { CallOptions } from '../router.ts'
import { abortable } from './abortable.ts'
import { KadStreamError } from './errors.ts'
import { Session, type StreamProtocol } from './stream-session.ts'

/** Longest wait for a stream to open. */
const OPEN_TIMEOUT_MS = 2000

/** Opens a new stream to the peer. */
export type OpenStream = (options: CallOptions) => Promise<Stream>

/** What goes over a new stream before anything else. */
interface Greeting<Message> {
  readonly frame: Uint8Array
  readonly message: Message
  /** Told of the answer. */
  readonly answered: (answer: Message) => void
}

export interface KeptStreamOptions<Message extends { readonly type: string }> {
  /** Id of the peer, for errors. */
  readonly peer: string
  readonly protocol: StreamProtocol<Message>
  readonly greeting?: Greeting<Message>
}

/**
 * Requests to one peer over a stream that is kept. Requests are pipelined. A stream that the peer has dropped
 * meanwhile (stock servers drop idle ones after 10 to 60 s) is opened anew, once a request.
 */
export class KeptStream<Message extends { readonly type: string }> {
  readonly #open: OpenStream
  readonly #options: KeptStreamOptions<Message>
  #session: Promise<Session<Message>> | undefined
  /** What that has resolved with. */
  #ready: Session<Message> | undefined

  constructor(open: OpenStream, options: KeptStreamOptions<Message>) {
    this.#open = open
    this.#options = options
  }

  /**
   * Sends `frames`, the last of which is `request`, and resolves with its answer. All are sent again where a stream
   * that was there already breaks off.
   * @throws {KadStreamError}
   * @throws {KadStreamBusyError}
   */
  async roundTrip(frames: Uint8Array, request: Message, { signal }: CallOptions): Promise<Message> {
    signal.throwIfAborted()
    const isKept = this.#session !== undefined
    const session = this.#ready ?? (await abortable(this.#current(), signal))
    try {
      return await abortable(session.roundTrip(frames, request), signal)
    } catch (error) {
      if (!isKept || !session.closed) throw error
    }
    const reopened = await abortable(this.#current(), signal)
    return abortable(reopened.roundTrip(frames, request), signal)
  }

  /** Opens the stream, unless it is open. */
  async connect({ signal }: CallOptions): Promise<void> {
    await abortable(this.#current(), signal)
  }

  /** Ends the stream; requests under way fail. */
  close(): void {
    const session = this.#session
    this.#forget()
    session?.then(
      open => open.end('was closed by this node'),
      () => {},
    )
  }

  /** The open session, or the one that is being opened. */
  #current(): Promise<Session<Message>> {
    this.#session ??= this.#start()
    return this.#session
  }

  async #start(): Promise<Session<Message>> {
    const { peer, protocol, greeting } = this.#options
    try {
      const stream = await this.#open({ signal: AbortSignal.timeout(OPEN_TIMEOUT_MS) })
      const session = new Session(stream, { peer, protocol, onEnd: () => this.#forget() })
      if (greeting !== undefined) greeting.answered(await session.roundTrip(greeting.frame, greeting.message))
      this.#ready = session
      return session
    } catch (error) {
      this.#forget()
      if (error instanceof KadStreamError) throw error
      throw new KadStreamError(peer, 'cannot be opened', { cause: error })
    }
  }

  #forget(): void {
    this.#session = undefined
    this.#ready = undefined
  }
}
