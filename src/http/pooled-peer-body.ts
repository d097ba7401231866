import type { BufferPool } from './buffer-pool.ts'
import { PeerBodyError } from './errors.ts'
import type { PeerBody } from './peer-client.ts'
import type { ByteReader, PeerConnection } from './peer-connection.ts'
import type { TurnBudget } from './turn-budget.ts'

/**
 * How long the kernel gathers bytes after it had fewer than a buffer takes. At the pace of a network it has a few packets
 * at a time, and to pass on each of them would cost several times as much. Its receive window, which grows to some MiB,
 * holds more than a fast network brings in this time.
 */
const GATHER_MS = 4

export interface PooledPeerBodyComponents {
  readonly connection: PeerConnection
  readonly buffers: BufferPool
  /** Bounds what it reads, together with others, without a pause. */
  readonly turns: TurnBudget
}

export interface PooledPeerBodyOptions {
  /** Names the peer in errors. */
  readonly peer: string
  /** Gives the body up. */
  readonly signal: AbortSignal
  readonly lengthBytes: number
  /** What came together with the head; may be overwritten later. */
  readonly first: Buffer
  /** All of it has arrived, and nothing that does not belong to it: the connection can be used again. */
  readonly onArrived: () => void
  /** It was read to its end, or given up. */
  readonly onDone: () => void
}

interface PendingRead {
  resolve(chunk: Buffer | undefined): void
  reject(error: unknown): void
}

/**
 * The body of a response, read into one buffer of a pool. Each chunk is a part of that buffer, and the next bytes are read
 * only once the reader is done with it, so that nothing is copied and the kernel holds back the peer.
 */
export class PooledPeerBody implements PeerBody, ByteReader {
  readonly #connection: PeerConnection
  readonly #buffers: BufferPool
  readonly #turns: TurnBudget
  readonly #options: PooledPeerBodyOptions
  #left: number
  /** A copy of what came with the head, until it is read. */
  #first: Buffer | undefined
  #buffer: Buffer | undefined
  /** When the kernel will have gathered enough; milliseconds of the process's monotonic clock. */
  #gatheredAt = 0
  #gathering: NodeJS.Timeout | undefined
  /** Writers that still use the last chunk. */
  #holds = 0
  #pending: PendingRead | undefined
  #failure: { readonly error: unknown } | undefined
  #done = false

  constructor({ connection, buffers, turns }: PooledPeerBodyComponents, options: PooledPeerBodyOptions) {
    const { first, lengthBytes, signal } = options
    this.#connection = connection
    this.#buffers = buffers
    this.#turns = turns
    this.#options = options
    const whole = Math.min(first.length, lengthBytes)
    this.#first = whole === 0 ? undefined : Buffer.from(first.subarray(0, whole))
    this.#left = lengthBytes - (this.#first?.length ?? 0)
    signal.addEventListener('abort', this.#abort)
    if (this.#left > 0) {
      this.#buffer = buffers.acquire(this.#left)
      connection.handOver(this)
    } else this.#arrived(first.length > lengthBytes)
    if (signal.aborted) this.#abort()
  }

  get into(): Buffer | undefined {
    return this.#left > 0 ? this.#buffer : undefined
  }

  take(bytes: Buffer): boolean {
    const pending = this.#pending
    // What nobody reads is not asked for either.
    if (pending === undefined) {
      this.#connection[Symbol.dispose]()
      return false
    }
    const chunk = bytes.subarray(0, this.#left)
    this.#pending = undefined
    this.#left -= chunk.length
    if (this.#left === 0) this.#arrived(bytes.length > chunk.length)
    else if (chunk.length < (this.#buffer?.length ?? 0)) this.#gatheredAt = performance.now() + GATHER_MS
    pending.resolve(chunk)
    return this.#left === 0
  }

  closed(cause: Error | undefined): void {
    if (this.#left > 0) this.#fail(new PeerBodyError(this.#options.peer, { cause }))
  }

  read(): Promise<Buffer | undefined> {
    const first = this.#first
    this.#first = undefined
    if (this.#failure === undefined && first !== undefined) return Promise.resolve(first)
    if (this.#failure !== undefined || this.#left === 0) {
      this.#finish()
      return this.#failure === undefined ? Promise.resolve(undefined) : Promise.reject(this.#failure.error)
    }
    return new Promise((resolve, reject) => {
      this.#pending = { resolve, reject }
      const gatherMs = this.#gatheredAt - performance.now()
      if (gatherMs > 0) this.#gathering = setTimeout(this.#resume, gatherMs)
      else this.#turns.whenDue(this.#resume)
    })
  }

  hold(): () => void {
    this.#holds += 1
    return () => {
      this.#holds -= 1
      if (this.#done) this.#releaseBuffer()
    }
  }

  destroy(): void {
    if (this.#done) return
    this.#fail(new PeerBodyError(this.#options.peer))
    this.#finish()
  }

  readonly #resume = (): void => {
    // By then the connection may be another body's.
    if (this.#pending !== undefined) this.#connection.resume()
  }

  readonly #abort = (): void => {
    this.#fail(this.#options.signal.reason)
    this.#finish()
  }

  #fail(error: unknown): void {
    this.#failure ??= { error }
    if (this.#left > 0) this.#connection[Symbol.dispose]()
    const pending = this.#pending
    this.#pending = undefined
    if (pending === undefined) return
    this.#finish()
    pending.reject(this.#failure.error)
  }

  #arrived(surplus: boolean): void {
    if (surplus) this.#connection[Symbol.dispose]()
    else this.#options.onArrived()
  }

  #finish(): void {
    if (this.#done) return
    this.#done = true
    clearTimeout(this.#gathering)
    this.#options.signal.removeEventListener('abort', this.#abort)
    this.#releaseBuffer()
    this.#options.onDone()
  }

  #releaseBuffer(): void {
    const buffer = this.#buffer
    if (buffer === undefined || this.#holds > 0) return
    this.#buffer = undefined
    this.#buffers.release(buffer)
  }
}
