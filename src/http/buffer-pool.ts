/** Buffers are at least this large: below it, the cost of each read and write dominates. */
const MIN_BUFFER_BYTES = 16 * 1024

/** Buffers are at most this large: beyond it, throughput gains nothing. */
const MAX_BUFFER_BYTES = 512 * 1024

/** What the buffers in use may take together; as they approach it, buffers get smaller. */
const BUDGET_BYTES = 32 * 1024 * 1024

/** What unused buffers may take: enough for a few transfers to go on without allocating. */
const RETAINED_BYTES = 8 * 1024 * 1024

/** A new buffer takes at most this part of what is left of the budget. */
const SHARE = 16

/**
 * Large buffers that are used again, under one byte budget. Few transfers get large buffers, many get small ones: a
 * buffer is at most a sixteenth of what is left of the budget. Nobody ever waits for a buffer: with the budget spent
 * they are {@link MIN_BUFFER_BYTES}, so the overrun is bounded by the number of connections.
 */
export class BufferPool {
  readonly #budgetBytes: number
  readonly #free = new Map<number, Buffer[]>()
  #usedBytes = 0
  #retainedBytes = 0

  constructor({ budgetBytes = BUDGET_BYTES }: { readonly budgetBytes?: number } = {}) {
    this.#budgetBytes = budgetBytes
  }

  /** Bytes of the buffers that are in use. */
  get usedBytes(): number {
    return this.#usedBytes
  }

  /** Whether memory is short: a transfer should then make do with one buffer. */
  get pressed(): boolean {
    return this.#usedBytes > this.#budgetBytes / 2
  }

  /** A buffer of unspecified content, at most as large as is useful for `wantedBytes`. Must be released. */
  acquire(wantedBytes: number): Buffer {
    const limit = Math.min(MAX_BUFFER_BYTES, (this.#budgetBytes - this.#usedBytes) / SHARE)
    let size = MIN_BUFFER_BYTES
    while (size * 2 <= limit && size < wantedBytes) size *= 2
    this.#usedBytes += size
    const buffer = this.#free.get(size)?.pop()
    if (buffer === undefined) return Buffer.allocUnsafeSlow(size)
    this.#retainedBytes -= size
    return buffer
  }

  /** Gives back a buffer of {@link acquire} that nothing reads or writes any more. */
  release(buffer: Buffer): void {
    const size = buffer.length
    this.#usedBytes -= size
    if (this.#retainedBytes + size > RETAINED_BYTES) return
    this.#retainedBytes += size
    const free = this.#free.get(size)
    if (free === undefined) this.#free.set(size, [buffer])
    else free.push(buffer)
  }
}
