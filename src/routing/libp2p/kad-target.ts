import type { CallOptions } from '../router.ts'
import { KadStreamError } from './errors.ts'
import { type KadMessage, type KadPeer, kadMessage } from './kad-message.ts'
import type { RecordTarget } from './record-target.ts'

/** Records sent before the member's word that it has taken them: what a lookup has to wait behind, or is sent twice. */
const BUNCH_RECORDS = 32
/** Records that a member may refuse one by one before it is taken to refuse all. */
const MAX_REFUSED = 3

/** The part of `KadStream` in use. */
export interface Deliverer {
  deliver(messages: readonly KadMessage[], options: CallOptions): Promise<void>
}

export interface KadTargetComponents {
  readonly position: Buffer
  readonly stream: Deliverer
  /** This node as it is announced. */
  readonly own: () => KadPeer
}

/**
 * Announces by ADD_PROVIDER. Go resets the stream at a record it does not like and drops in silence what is behind it:
 * so records go in bunches, each confirmed by a PING, and a bunch that is not is sent again one by one.
 */
export class KadTarget implements RecordTarget {
  readonly kind = 'kad'
  readonly position: Buffer
  readonly #stream: Deliverer
  readonly #own: () => KadPeer

  constructor({ position, stream, own }: KadTargetComponents) {
    this.position = position
    this.#stream = stream
    this.#own = own
  }

  async announce(keys: readonly Uint8Array[], options: CallOptions): Promise<readonly number[]> {
    const providers = [this.#own()]
    const messages = keys.map(key => kadMessage('ADD_PROVIDER', { key, providers }))
    for (let index = 0; index < messages.length; index += BUNCH_RECORDS) {
      await this.#deliver(messages.slice(index, index + BUNCH_RECORDS), options)
    }
    return []
  }

  async retract(): Promise<void> {}

  async #deliver(messages: readonly KadMessage[], options: CallOptions): Promise<void> {
    try {
      await this.#stream.deliver(messages, options)
      return
    } catch (error) {
      if (!isRefusal(error)) throw error
    }
    let refused = 0
    for (const message of messages) {
      try {
        await this.#stream.deliver([message], options)
      } catch (error) {
        if (!isRefusal(error) || ++refused === MAX_REFUSED) throw error
      }
    }
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof KadStreamError && error.isRefusal
}
