import type { Stream, StreamMessageEvent } from '@libp2p/interface'
import { KadStreamBusyError, KadStreamError } from './errors.ts'
import { FrameReader } from './frame-reader.ts'

/** Requests waiting for their answer on one stream. */
const MAX_PENDING = 256
/** Longest wait for the next answer while one is due; the stream is given up then. */
const ANSWER_TIMEOUT_MS = 2000

/** A protocol of framed messages in which every request that wants an answer gets one, in order. */
export interface StreamProtocol<Message extends { readonly type: string }> {
  readonly maxAnswerBytes: number
  decode(frame: Uint8Array): Message
  /** The type of message that answers a request. */
  answerType(request: Message): Message['type']
}

export interface SessionOptions<Message extends { readonly type: string }> {
  /** Id of the peer, for errors. */
  readonly peer: string
  readonly protocol: StreamProtocol<Message>
  /** Called once, when the stream is of no use any more. */
  readonly onEnd: () => void
}

interface EndOptions {
  readonly cause?: unknown
  readonly isRefusal?: boolean
}

interface Pending<Message extends { readonly type: string }> {
  readonly answerType: Message['type']
  readonly resolve: (answer: Message) => void
  readonly reject: (error: KadStreamError) => void
}

/** Pipelined requests on one libp2p stream, from its opening to its end. */
export class Session<Message extends { readonly type: string }> {
  readonly #stream: Stream
  readonly #options: SessionOptions<Message>
  readonly #reader: FrameReader
  readonly #pending: Pending<Message>[] = []
  #timer: NodeJS.Timeout | undefined
  #ended: 'closed' | 'timeout' | undefined

  constructor(stream: Stream, options: SessionOptions<Message>) {
    this.#stream = stream
    this.#options = options
    this.#reader = new FrameReader({ maxFrameBytes: options.protocol.maxAnswerBytes })
    stream.addEventListener('message', event => this.#receive(event))
    stream.addEventListener('remoteCloseWrite', () => this.end('was closed by the peer', { isRefusal: true }))
    stream.addEventListener('close', ({ error }) => this.end('was closed', { cause: error, isRefusal: true }))
  }

  /** Whether the peer ended the stream, so that a new one may do better. One that is merely slow gets no second chance. */
  get closed(): boolean {
    return this.#ended === 'closed'
  }

  /** Sends `frames`, the last of which is `request`, and waits for its answer. */
  async roundTrip(frames: Uint8Array, request: Message): Promise<Message> {
    const { peer, protocol } = this.#options
    if (this.#ended !== undefined) throw new KadStreamError(peer, 'has ended')
    if (this.#pending.length >= MAX_PENDING) throw new KadStreamBusyError(peer)
    const { promise, resolve, reject } = Promise.withResolvers<Message>()
    this.#pending.push({ answerType: protocol.answerType(request), resolve, reject })
    this.#timer ??= setTimeout(() => this.#expire(), ANSWER_TIMEOUT_MS).unref()
    try {
      this.#stream.send(frames)
    } catch (error) {
      this.end('cannot be written to', { cause: error })
    }
    return promise
  }

  end(reason: string, options: EndOptions = {}): void {
    if (this.#ended !== undefined) return
    this.#ended = 'closed'
    this.#fail(reason, options)
  }

  #expire(): void {
    this.#ended = 'timeout'
    this.#fail('did not answer in time', {})
  }

  #fail(reason: string, options: EndOptions): void {
    clearTimeout(this.#timer)
    this.#options.onEnd()
    const error = new KadStreamError(this.#options.peer, reason, options)
    this.#stream.abort(error)
    for (const { reject } of this.#pending.splice(0)) reject(error)
  }

  #receive({ data }: StreamMessageEvent): void {
    try {
      for (const frame of this.#reader.read(data instanceof Uint8Array ? data : data.subarray())) {
        this.#answer(this.#options.protocol.decode(frame))
      }
    } catch (error) {
      this.end('sent an unusable answer', { cause: error })
    }
  }

  #answer(answer: Message): void {
    const pending = this.#pending[0]
    if (pending?.answerType !== answer.type) {
      throw new KadStreamError(this.#options.peer, `sent ${answer.type} instead of ${pending?.answerType ?? 'nothing'}`)
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
