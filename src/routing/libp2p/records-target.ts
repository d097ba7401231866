import type { CallOptions } from '../router.ts'
import type { KadPeer } from './kad-message.ts'
import type { RecordTarget } from './record-target.ts'
import type { RecordsStream } from './records-stream.ts'

export interface RecordsTargetComponents {
  readonly position: Buffer
  readonly stream: RecordsStream
  /** This node as it is announced. */
  readonly own: () => KadPeer
}

/** Announces, and takes back, by the records protocol. */
export class RecordsTarget implements RecordTarget {
  readonly kind = 'spegel'
  readonly position: Buffer
  readonly #stream: RecordsStream
  readonly #own: () => KadPeer

  constructor({ position, stream, own }: RecordsTargetComponents) {
    this.position = position
    this.#stream = stream
    this.#own = own
  }

  async announce(keys: readonly Uint8Array[], options: CallOptions): Promise<readonly number[]> {
    return this.#stream.add(keys, this.#own().addresses, options)
  }

  async retract(keys: readonly Uint8Array[], options: CallOptions): Promise<void> {
    await this.#stream.remove(keys, options)
  }
}
