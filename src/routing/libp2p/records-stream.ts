import type { CallOptions } from '../router.ts'
import { InvalidKadMessageError } from './errors.ts'
import { KeptStream, type OpenStream } from './kept-stream.ts'
import {
  decodeRecordsMessage,
  frameRecordsMessage,
  type Gone,
  type Hello,
  MAX_RECORDS_MESSAGE_BYTES,
  type RecordsMessage,
} from './records-message.ts'
import type { StreamProtocol } from './stream-session.ts'

const ANSWER_TYPES = {
  hello: 'hello',
  add: 'added',
  remove: 'removed',
  gone: 'removed',
} as const

const RECORDS: StreamProtocol<RecordsMessage> = {
  maxAnswerBytes: MAX_RECORDS_MESSAGE_BYTES,
  decode: decodeRecordsMessage,
  answerType({ type }) {
    if (type === 'added' || type === 'removed') throw new InvalidKadMessageError(`${type} has no answer`)
    return ANSWER_TYPES[type]
  },
}

export interface RecordsStreamOptions {
  /** Id of the peer, for errors. */
  readonly peer: string
  /** What this node says of itself. */
  readonly hello: Hello
}

/**
 * Requests of the records protocol, which Spegel's own nodes speak among themselves, to one peer over a
 * {@link KeptStream}. The side that opens a stream begins it with a hello, and the other one answers with its own.
 */
export class RecordsStream {
  readonly #stream: KeptStream<RecordsMessage>
  #hello: Hello | undefined
  #onRestart = (): void => {}

  constructor(open: OpenStream, { peer, hello }: RecordsStreamOptions) {
    const answered = (answer: RecordsMessage): void => {
      if (answer.type === 'hello') this.meet(answer)
    }
    const greeting = { frame: frameRecordsMessage(hello), message: hello, answered }
    this.#stream = new KeptStream(open, { peer, protocol: RECORDS, greeting })
  }

  /**
   * What the peer says of itself.
   * @throws {KadStreamError} also where the peer does not speak the protocol.
   */
  async hello(options: CallOptions): Promise<Hello> {
    await this.#stream.connect(options)
    if (this.#hello === undefined) throw new InvalidKadMessageError('no hello')
    return this.#hello
  }

  /** Has `listener` called when the peer turns out to be another process than before, without the records it had. */
  onRestart(listener: () => void): void {
    this.#onRestart = listener
  }

  /** Takes note of what the peer has said of itself, here or on a stream that it opened. */
  meet(hello: Hello): void {
    const before = this.#hello
    this.#hello = hello
    if (before !== undefined && before.process !== hello.process) this.#onRestart()
  }

  /**
   * Announces that this node holds `keys` ({@link MAX_KEYS} at most).
   * @param addresses where other nodes reach this one
   * @returns the places of the keys that the peer knows enough holders of, and does not note
   * @throws {KadStreamError}
   * @throws {KadStreamBusyError}
   */
  async add(
    keys: readonly Uint8Array[],
    addresses: readonly Uint8Array[],
    options: CallOptions,
  ): Promise<readonly number[]> {
    const answer = await this.#request({ type: 'add', keys, addresses }, options)
    return answer.type === 'added' ? answer.enough : []
  }

  /**
   * Takes back what {@link add} announced, {@link MAX_KEYS} keys at most.
   * @throws {KadStreamError}
   * @throws {KadStreamBusyError}
   */
  async remove(keys: readonly Uint8Array[], options: CallOptions): Promise<void> {
    await this.#request({ type: 'remove', keys }, options)
  }

  /**
   * Tells the peer that a provider which this node named to it holds some keys no longer.
   * @throws {KadStreamError}
   * @throws {KadStreamBusyError}
   */
  async gone(gone: Gone, options: CallOptions): Promise<void> {
    await this.#request(gone, options)
  }

  /** Ends the stream; requests under way fail. */
  close(): void {
    this.#stream.close()
  }

  async #request(message: RecordsMessage, options: CallOptions): Promise<RecordsMessage> {
    return this.#stream.roundTrip(frameRecordsMessage(message), message, options)
  }
}
