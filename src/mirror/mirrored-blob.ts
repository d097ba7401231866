import type { PulledBody } from '../http/body.ts'
import type { BlobSpan } from './answer-head.ts'
import type { PeerAnswer } from './peer-answer.ts'

/** A body that broke off before its end. */
export interface BrokenBody {
  readonly answer: PeerAnswer
  readonly error: unknown
  /** What is missing. */
  readonly rest: BlobSpan
}

export interface MirroredBlobOptions {
  /** What `first` carries. */
  readonly span: BlobSpan
  /**
   * Finds a peer for the rest of a body.
   * @throws where none is left
   */
  readonly resume: (broken: BrokenBody) => Promise<PeerAnswer>
  /** Told of each chunk's length, and of what it came with. */
  readonly onBytes: (bytes: number, answer: PeerAnswer) => void
}

/** The body of a blob from peers: where one breaks off or stalls, another goes on, and the reader notices nothing. */
export class MirroredBlob implements PulledBody {
  readonly #options: MirroredBlobOptions
  #answer: PeerAnswer
  #position: number
  #destroyed = false

  constructor(first: PeerAnswer, options: MirroredBlobOptions) {
    this.#options = options
    this.#answer = first
    this.#position = options.span.start
  }

  async read(): Promise<Buffer | undefined> {
    const { span, resume, onBytes } = this.#options
    for (;;) {
      const answer = this.#answer
      try {
        const chunk = await answer.read()
        if (chunk === undefined) return undefined
        this.#position += chunk.length
        onBytes(chunk.length, answer)
        return chunk
      } catch (error) {
        if (this.#destroyed) throw error
        if (this.#position >= span.end) return undefined
        this.#answer = await resume({ answer, error, rest: { ...span, start: this.#position } })
        if (this.#destroyed) this.#answer.destroy()
      }
    }
  }

  hold(): (() => void) | undefined {
    return this.#answer.hold()
  }

  destroy(): void {
    this.#destroyed = true
    this.#answer.destroy()
  }
}
