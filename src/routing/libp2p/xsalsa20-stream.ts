import { xsalsa20 } from '@noble/ciphers/salsa.js'

const BLOCK_BYTES = 64
/** The block counter that the cipher takes has 32 bits: 256 GiB, far more than a connection of a router ever carries. */
const MAX_BYTES = (2 ** 32 - 1) * BLOCK_BYTES

/** One direction of a connection under XSalsa20: bytes in, as many bytes out, wherever messages begin and end. */
export class XSalsa20Stream {
  readonly #key: Uint8Array
  readonly #nonce: Uint8Array
  readonly #maxBytes: number
  #position: number

  /**
   * @param options `key`: 32 bytes; `nonce`: 24 bytes; `position`: how much was carried already, default 0; `maxBytes`: most
   * that may be, default 256 GiB
   */
  constructor(options: {
    readonly key: Uint8Array
    readonly nonce: Uint8Array
    readonly position?: number
    readonly maxBytes?: number
  }) {
    this.#key = options.key
    this.#nonce = options.nonce
    this.#position = options.position ?? 0
    this.#maxBytes = options.maxBytes ?? MAX_BYTES
  }

  /** Whether `bytes` more can be carried. */
  hasRoomFor(bytes: number): boolean {
    return this.#position + bytes <= this.#maxBytes
  }

  /** Encrypts or decrypts what comes next. */
  apply(data: Uint8Array): Uint8Array {
    const offset = this.#position % BLOCK_BYTES
    const block = (this.#position - offset) / BLOCK_BYTES
    this.#position += data.length
    // The cipher starts at a block; what is left over of the one before stands for bytes that went already.
    const input = new Uint8Array(offset + data.length)
    input.set(data, offset)
    return xsalsa20(this.#key, this.#nonce, input, undefined, block).subarray(offset)
  }
}
