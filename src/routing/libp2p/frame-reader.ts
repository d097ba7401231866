import { InvalidKadMessageError } from './errors.ts'

/** Lengths of up to 2^28 take four bytes; every limit in use is far below. */
const MAX_LENGTH_BYTES = 4
/** An emptied buffer beyond this is given back, so that one large message does not cost a stream memory for good. */
const KEPT_BUFFER_BYTES = 16 * 1024

/** Cuts a byte stream into frames, each preceded by its length as a varint. */
export class FrameReader {
  readonly #maxFrameBytes: number
  #buffer = Buffer.alloc(0)
  /** How much of the buffer is filled. */
  #length = 0

  constructor(options: {
    /** A frame that announces more than this is refused before it is buffered. */
    readonly maxFrameBytes: number
  }) {
    this.#maxFrameBytes = options.maxFrameBytes
  }

  /**
   * Takes the next bytes and yields each frame they complete. A frame is a view, valid until the next one is asked for.
   * @throws {InvalidKadMessageError} for a frame over the limit; the stream is of no use afterwards.
   */
  *read(chunk: Uint8Array): Generator<Uint8Array> {
    this.#append(chunk)
    let offset = 0
    for (;;) {
      const head = this.#head(offset)
      if (head === undefined || this.#length < head.start + head.length) break
      offset = head.start + head.length
      yield this.#buffer.subarray(head.start, offset)
    }
    this.#consume(offset)
  }

  #head(offset: number): { readonly start: number; readonly length: number } | undefined {
    let length = 0
    for (let index = 0; index < MAX_LENGTH_BYTES; index++) {
      const byte = offset + index < this.#length ? this.#buffer[offset + index] : undefined
      if (byte === undefined) return undefined
      length += (byte & 0x7f) * 2 ** (7 * index)
      if (length > this.#maxFrameBytes) break
      if (byte < 0x80) return { start: offset + index + 1, length }
    }
    throw new InvalidKadMessageError(`frame of more than ${this.#maxFrameBytes} bytes`)
  }

  #append(chunk: Uint8Array): void {
    const needed = this.#length + chunk.length
    if (needed > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, 2 * this.#buffer.length))
      this.#buffer.copy(grown, 0, 0, this.#length)
      this.#buffer = grown
    }
    this.#buffer.set(chunk, this.#length)
    this.#length = needed
  }

  #consume(count: number): void {
    this.#buffer.copyWithin(0, count, this.#length)
    this.#length -= count
    if (this.#length === 0 && this.#buffer.length > KEPT_BUFFER_BYTES) this.#buffer = Buffer.alloc(0)
  }
}
