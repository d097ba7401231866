import { InvalidKadMessageError, TooManyMessagesError } from './errors.ts'
import type { PeerLimits } from './peer-limits.ts'
import type { ProviderRecords } from './provider-records.ts'
import {
  decodeRecordsMessage,
  frameRecordsMessage,
  type Hello,
  MAX_RECORDS_MESSAGE_BYTES,
  type RecordsMessage,
} from './records-message.ts'
import type { FrameHandler, Requester } from './stream-service.ts'

export interface RecordsServerComponents {
  readonly records: ProviderRecords
  readonly limits: PeerLimits
  readonly hello: Hello
  /** Told of what the peer with this id says of itself. */
  readonly met: (peer: Uint8Array, hello: Hello) => void
  /** Told of what the provider with this id has taken back. */
  readonly removed: (provider: Uint8Array, keys: readonly Uint8Array[]) => void
  /** Told of what another node that may have named the provider with this id says it has taken back. */
  readonly gone: (provider: Uint8Array, keys: readonly Uint8Array[]) => void
}

/** Answers the records messages of other nodes. */
export class RecordsServer implements FrameHandler {
  readonly maxRequestBytes = MAX_RECORDS_MESSAGE_BYTES
  readonly #components: RecordsServerComponents

  constructor(components: RecordsServerComponents) {
    this.#components = components
  }

  answer(request: Uint8Array, from: Requester): Uint8Array {
    const message = decodeRecordsMessage(request)
    if ('keys' in message && !this.#components.limits.take(from.id, 'records', message.keys.length)) {
      throw new TooManyMessagesError(from.id)
    }
    return frameRecordsMessage(this.answerTo(message, from.idBytes))
  }

  /**
   * The answer to `message`. A node announces, and takes back, only itself.
   * @param from id of the peer that sent it, as its connection proves
   * @throws {InvalidKadMessageError} for what is no request
   */
  answerTo(message: RecordsMessage, from: Uint8Array): RecordsMessage {
    const { records, hello, met, removed, gone } = this.#components
    switch (message.type) {
      case 'hello':
        met(from, message)
        return hello
      case 'add': {
        const peer = { id: from, addresses: message.addresses }
        const outcomes = message.keys.map(key => records.add(key, peer))
        return { type: 'added', enough: outcomes.flatMap((outcome, place) => (outcome === 'enough' ? [place] : [])) }
      }
      case 'remove':
        for (const key of message.keys) records.remove(key, from)
        removed(from, message.keys)
        return { type: 'removed' }
      case 'gone':
        gone(message.provider, message.keys)
        return { type: 'removed' }
      case 'added':
      case 'removed':
        break
    }
    throw new InvalidKadMessageError(`${message.type} is no request`)
  }
}
