import type { CallOptions, GrowingBlob, Growth } from '../store.ts'
import type { IngestTail } from './ingest-tail.ts'

/** One reader of a staged download. */
export class GrowingFile implements GrowingBlob {
  readonly size: number
  readonly #tail: IngestTail
  #release: (() => Promise<void>) | undefined

  /** @param release told once when the reader is closed */
  constructor(tail: IngestTail, release: () => Promise<void>) {
    this.size = tail.total
    this.#tail = tail
    this.#release = release
  }

  read(into: Buffer, position: number): Promise<number> {
    return this.#tail.read(into, position)
  }

  waitPast(position: number, options: CallOptions): Promise<Growth> {
    return this.#tail.waitPast(position, options)
  }

  async close(): Promise<void> {
    const release = this.#release
    this.#release = undefined
    await release?.()
  }
}
