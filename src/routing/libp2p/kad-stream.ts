import type { Stream, StreamMessageEvent } from '@libp2p/interface'
import type { CallOptions } from '../router.ts'
import { abortable } from './abortable.ts'
import { KadStreamBusyError, KadStreamError } from './errors.ts'
import { FrameReader } from './frame-reader.ts'
import { decodeKadMessage, frameKadMessage, type KadMessage, kadMessage } from './kad-message.ts'

/** Longest answer taken from a peer. Go does not sample: a popular key names every holder. */
const MAX_ANSWER_BYTES = 1024 * 1024
/** Requests waiting for their answer on one stream. */
const MAX_PENDING = 256
/** Longest wait for the next answer while one is due; the stream is given up then. */
const ANSWER_TIMEOUT_MS = 2000
/** Longest wait for a stream to open. */
const OPEN_TIMEOUT_MS = 2000

interface Pending {
  readonly request: KadMessage
  readonly resolve: (answer: KadMessage) => void
  readonly reject: (error: KadStreamError) => void
}

/** One libp2p stream from its opening to its end. Answers come in the order of the requests. */
class Session {
  readonly #stream: Stream
  readonly #peer: string
  readonly #onEnd: () => void
  readonly #reader = new FrameReader({ maxFrameBytes: MAX_ANSWER_BYTES })
  readonly #pending: Pending[] = []
  #timer: NodeJS.Timeout | undefined
  #ended: 'closed' | 'timeout' | undefined

  constructor(stream: Stream, options: { readonly peer: string; readonly onEnd: () => void }) {
    this.#stream = stream
    this.#peer = options.peer
    this.#onEnd = options.onEnd
    stream.addEventListener('message', event => this.#receive(event))
    stream.addEventListener('remoteCloseWrite', () => this.end('was closed by the peer'))
    stream.addEventListener('close', event => this.end('was closed', event.error))
  }

  /** Whether the peer ended the stream, so that a new one may do better. One that is merely slow gets no second chance. */
  get closed(): boolean {
    return this.#ended === 'closed'
  }

  /** Sends `frames`, the last of which is `request`, and waits for its answer. */
  async roundTrip(frames: Uint8Array, request: KadMessage): Promise<KadMessage> {
    if (this.#ended !== undefined) throw new KadStreamError(this.#peer, 'has ended')
    if (this.#pending.length >= MAX_PENDING) throw new KadStreamBusyError(this.#peer)
    const { promise, resolve, reject } = Promise.withResolvers<KadMessage>()
    this.#pending.push({ request, resolve, reject })
    this.#timer ??= setTimeout(() => this.#expire(), ANSWER_TIMEOUT_MS).unref()
    try {
      this.#stream.send(frames)
    } catch (error) {
      this.end('cannot be written to', error)
    }
    return promise
  }

  end(reason: string, cause?: unknown): void {
    if (this.#ended !== undefined) return
    this.#ended = 'closed'
    this.#fail(reason, cause)
  }

  #expire(): void {
    this.#ended = 'timeout'
    this.#fail('did not answer in time')
  }

  #fail(reason: string, cause?: unknown): void {
    clearTimeout(this.#timer)
    this.#onEnd()
    const error = new KadStreamError(this.#peer, reason, { cause })
    this.#stream.abort(error)
    for (const { reject } of this.#pending.splice(0)) reject(error)
  }

  #receive({ data }: StreamMessageEvent): void {
    try {
      for (const frame of this.#reader.read(data instanceof Uint8Array ? data : data.subarray())) {
        this.#answer(decodeKadMessage(frame))
      }
    } catch (error) {
      this.end('sent an unusable answer', error)
    }
  }

  #answer(answer: KadMessage): void {
    const pending = this.#pending[0]
    if (pending === undefined || pending.request.type !== answer.type) {
      throw new KadStreamError(this.#peer, `answered ${answer.type} to ${pending?.request.type ?? 'nothing'}`)
    }
    this.#pending.shift()
    if (this.#pending.length > 0) this.#timer?.refresh()
    else {
      clearTimeout(this.#timer)
      this.#timer = undefined
    }
    pending.resolve(answer)
  }
}

/** Opens a new kad stream to the peer. */
export type OpenStream = (options: CallOptions) => Promise<Stream>

/**
 * Kad requests to one peer over a stream that is kept. Requests are pipelined. A stream that the peer has dropped
 * meanwhile (stock servers drop idle ones after 10 to 60 s) is opened anew, once a request.
 */
export class KadStream {
  readonly #open: OpenStream
  readonly #peer: string
  #session: Promise<Session> | undefined

  /** @param peer its id, for errors */
  constructor(open: OpenStream, peer: string) {
    this.#open = open
    this.#peer = peer
  }

  /**
   * Sends `message` and resolves with the peer's answer.
   * @throws {KadStreamError}
   * @throws {KadStreamBusyError}
   */
  async request(message: KadMessage, options: CallOptions): Promise<KadMessage> {
    return this.#roundTrip(frameKadMessage(message), message, options)
  }

  /**
   * Sends `messages`, which get no answer, and resolves once the peer has taken all of them. Sending them twice must do
   * no harm: all are repeated where the stream breaks off.
   * @throws {KadStreamError}
   * @throws {KadStreamBusyError}
   */
  async deliver(messages: readonly KadMessage[], options: CallOptions): Promise<void> {
    const ping = kadMessage('PING')
    await this.#roundTrip(Buffer.concat([...messages, ping].map(frameKadMessage)), ping, options)
  }

  /** Ends the stream; requests under way fail. */
  close(): void {
    const session = this.#session
    this.#session = undefined
    session?.then(
      open => open.end('was closed by this node'),
      () => {},
    )
  }

  async #roundTrip(frames: Uint8Array, request: KadMessage, { signal }: CallOptions): Promise<KadMessage> {
    const isKept = this.#session !== undefined
    const session = await abortable(this.#current(), signal)
    try {
      return await abortable(session.roundTrip(frames, request), signal)
    } catch (error) {
      if (!isKept || !session.closed) throw error
    }
    const reopened = await abortable(this.#current(), signal)
    return abortable(reopened.roundTrip(frames, request), signal)
  }

  /** The open session, or the one that is being opened. */
  #current(): Promise<Session> {
    this.#session ??= this.#start()
    return this.#session
  }

  async #start(): Promise<Session> {
    try {
      const stream = await this.#open({ signal: AbortSignal.timeout(OPEN_TIMEOUT_MS) })
      return new Session(stream, { peer: this.#peer, onEnd: () => this.#forget() })
    } catch (error) {
      this.#forget()
      throw new KadStreamError(this.#peer, 'cannot be opened', { cause: error })
    }
  }

  #forget(): void {
    this.#session = undefined
  }
}
