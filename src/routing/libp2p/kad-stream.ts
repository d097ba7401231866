import type { CallOptions } from '../router.ts'
import { decodeKadMessage, frameKadMessage, type KadMessage, kadMessage } from './kad-message.ts'
import { KeptStream, type OpenStream } from './kept-stream.ts'
import type { StreamProtocol } from './stream-session.ts'

const KAD: StreamProtocol<KadMessage> = {
  // Go does not sample: a popular key names every holder.
  maxAnswerBytes: 1024 * 1024,
  decode: decodeKadMessage,
  answerType: request => request.type,
}

/** Kad requests to one peer over a {@link KeptStream}. */
export class KadStream {
  readonly #stream: KeptStream<KadMessage>

  /** @param peer its id, for errors */
  constructor(open: OpenStream, peer: string) {
    this.#stream = new KeptStream(open, { peer, protocol: KAD })
  }

  /**
   * Sends `message` and resolves with the peer's answer.
   * @throws {KadStreamError}
   * @throws {KadStreamBusyError}
   */
  async request(message: KadMessage, options: CallOptions): Promise<KadMessage> {
    return this.#stream.roundTrip(frameKadMessage(message), message, options)
  }

  /**
   * Sends `messages`, which get no answer, and resolves once the peer has taken all of them. Sending them twice must do
   * no harm: all are repeated where the stream breaks off.
   * @throws {KadStreamError}
   * @throws {KadStreamBusyError}
   */
  async deliver(messages: readonly KadMessage[], options: CallOptions): Promise<void> {
    const ping = kadMessage('PING')
    await this.#stream.roundTrip(Buffer.concat([...messages, ping].map(frameKadMessage)), ping, options)
  }

  /** Ends the stream; requests under way fail. */
  close(): void {
    this.#stream.close()
  }
}
