import { BufferArena } from './buffer-arena.ts'

/** Buffers are at least this large: below it, the cost of each read and write dominates. */
const MIN_BUFFER_BYTES = 16 * 1024

/** Buffers are at most this large: beyond it, throughput gains nothing. */
const MAX_BUFFER_BYTES = 1024 * 1024

/** What the buffers in use may take together; as they approach it, buffers get smaller. */
const BUDGET_BYTES = 16 * 1024 * 1024

/** A new buffer takes at most this part of what is left of the budget. */
const SHARE = 16

/** Up to this part of the budget in use, a new buffer may take as much as the first one: a few transfers fill it. */
const FEW = 4

/** How often it is looked whether the pool is idle, and its memory better given back. */
const TRIM_INTERVAL_MS = 10_000

export interface BufferPoolOptions {
  /** Rounded up to whole buffers of the largest size. */
  readonly budgetBytes?: number
  /** Default: 10 s. */
  readonly trimIntervalMs?: number
}

/**
 * Large buffers that are used again, under one byte budget. Few transfers get large buffers, many get small ones: a
 * buffer is at most a sixteenth of what is left of the budget, or of all of it while less than a quarter is used. Nobody
 * ever waits for a buffer: with the budget spent they are {@link MIN_BUFFER_BYTES}, so the overrun is bounded by the number
 * of connections. A pool that nobody uses holds no memory.
 */
export class BufferPool {
  readonly #budgetBytes: number
  readonly #trimIntervalMs: number
  readonly #arena: BufferArena
  #overrunBytes = 0
  #trimming: NodeJS.Timeout | undefined

  constructor({ budgetBytes = BUDGET_BYTES, trimIntervalMs = TRIM_INTERVAL_MS }: BufferPoolOptions = {}) {
    this.#budgetBytes = budgetBytes
    this.#trimIntervalMs = trimIntervalMs
    this.#arena = new BufferArena({
      bytes: Math.ceil(budgetBytes / MAX_BUFFER_BYTES) * MAX_BUFFER_BYTES,
      minBlockBytes: MIN_BUFFER_BYTES,
      maxBlockBytes: MAX_BUFFER_BYTES,
    })
  }

  /** Bytes of the buffers that are in use. */
  get usedBytes(): number {
    return this.#arena.lentBytes + this.#overrunBytes
  }

  /** Whether memory is short: a transfer should then make do with one buffer. */
  get pressed(): boolean {
    return this.usedBytes > this.#budgetBytes / 2
  }

  /** A buffer of unspecified content, at most as large as is useful for `wantedBytes`. Must be released. */
  acquire(wantedBytes: number): Buffer {
    const used = this.usedBytes < this.#budgetBytes / FEW ? 0 : this.usedBytes
    const limit = Math.min(MAX_BUFFER_BYTES, (this.#budgetBytes - used) / SHARE)
    let size = MIN_BUFFER_BYTES
    while (size * 2 <= limit && size < wantedBytes) size *= 2
    const buffer = this.#arena.lend(size)
    if (buffer !== undefined) return buffer
    this.#overrunBytes += MIN_BUFFER_BYTES
    return Buffer.allocUnsafeSlow(MIN_BUFFER_BYTES)
  }

  /** Gives back a buffer of {@link acquire} that nothing reads or writes any more. */
  release(buffer: Buffer): void {
    if (this.#arena.owns(buffer)) this.#arena.takeBack(buffer)
    else this.#overrunBytes -= buffer.length
    if (this.usedBytes > 0 || this.#trimming !== undefined) return
    this.#trimming = setTimeout(this.#trim, this.#trimIntervalMs).unref()
  }

  readonly #trim = (): void => {
    this.#trimming = undefined
    this.#arena.trim()
  }
}
