import type { Digest } from '../../oci/digest.ts'
import { ContentNotFoundError } from '../errors.ts'
import type { Blob, CallOptions } from '../store.ts'
import { ContainerdError } from './errors.ts'
import type { ContentService } from './services.ts'

/** Longest wait for the next bytes of a stream. */
const STALL_TIMEOUT_MS = 10_000

export interface ContentStreamOptions {
  /** Default: {@link STALL_TIMEOUT_MS}. */
  readonly stallTimeoutMs?: number
}

/** A piece that arrives, of which the end is undefined. */
type NextPiece = Promise<Uint8Array | undefined>

/** One read under way: the piece at hand, and the next one, which is read ahead. */
interface Stream {
  readonly ended: AbortController
  readonly pieces: AsyncIterator<Uint8Array, void>
  piece: Uint8Array
  next: NextPiece
}

/**
 * Content that is read over the socket: as one stream for as long as it is read in order, and a new one where the reader
 * jumps. Holds two pieces of what containerd sends, 1 MiB each.
 */
export class ContentStream implements Blob {
  readonly size: number
  readonly #content: ContentService
  readonly #digest: Digest
  readonly #stallTimeoutMs: number
  #position = 0
  #stream: Stream

  private constructor(
    content: ContentService,
    digest: Digest,
    options: ContentStreamOptions & { readonly size: number },
  ) {
    this.#content = content
    this.#digest = digest
    this.size = options.size
    this.#stallTimeoutMs = options.stallTimeoutMs ?? STALL_TIMEOUT_MS
    this.#stream = this.#startAt(0)
  }

  /**
   * Opens content, and begins to read it: containerd then keeps it open, whatever becomes of it.
   * @throws {ContentNotFoundError} where it is not held
   * @throws {ContainerdUnavailableError}
   */
  static async open(
    content: ContentService,
    digest: Digest,
    { signal, ...options }: CallOptions & ContentStreamOptions,
  ): Promise<ContentStream> {
    const { size } = await content.info(digest, { signal })
    const stream = new ContentStream(content, digest, { ...options, size })
    try {
      await stream.#arrival()
      signal.throwIfAborted()
      return stream
    } catch (error) {
      await stream.close()
      // The record may be there, and the file may not.
      throw error instanceof ContainerdError ? new ContentNotFoundError(digest, { cause: error }) : error
    }
  }

  async read(into: Buffer, position: number): Promise<number> {
    if (position >= this.size || into.length === 0) return 0
    if (position !== this.#position) {
      this.#stream.ended.abort()
      this.#stream = this.#startAt(position)
      this.#position = position
    }
    if (this.#stream.piece.length === 0) await this.#arrival()
    const length = Math.min(into.length, this.#stream.piece.length)
    into.set(this.#stream.piece.subarray(0, length))
    this.#stream.piece = this.#stream.piece.subarray(length)
    this.#position += length
    return length
  }

  async close(): Promise<void> {
    this.#stream.ended.abort()
  }

  #startAt(offset: number): Stream {
    const ended = new AbortController()
    const range = { digest: this.#digest, offset, length: this.size - offset }
    const pieces = this.#content.read(range, { signal: ended.signal })[Symbol.asyncIterator]()
    return { ended, pieces, piece: Buffer.alloc(0), next: nextPiece(pieces) }
  }

  /** Waits for the next piece, and asks for the one after it. */
  async #arrival(): Promise<void> {
    const stream = this.#stream
    const reason = new ContainerdError('read content', `${this.#digest} stopped coming`)
    const stall = setTimeout(() => stream.ended.abort(reason), this.#stallTimeoutMs)
    try {
      const piece = await stream.next
      if (piece === undefined) return
      stream.piece = piece
      stream.next = nextPiece(stream.pieces)
    } finally {
      clearTimeout(stall)
    }
  }
}

/** The next piece, whose failure is no unhandled one when it comes before it is awaited. */
function nextPiece(pieces: AsyncIterator<Uint8Array, void>): NextPiece {
  const next = pieces.next().then(({ value }) => value ?? undefined)
  next.catch(() => {})
  return next
}
