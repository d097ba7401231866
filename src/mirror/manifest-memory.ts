import type { Log } from '../observability/log.ts'
import { ManifestMemoryError } from './errors.ts'

/**
 * What manifests that are being verified or sent may take together. Most are a few KB; this many bytes are four of the
 * largest. Clients beyond it are sent on: a manifest costs the registry little, running out of memory costs this node all.
 */
const MAX_BUFFERED_BYTES = 16 * 1024 * 1024

/** Bounds the memory that manifests from peers take: peers choose their size, and clients how long they are kept. */
export class ManifestMemory {
  readonly #log: Log
  readonly #limitBytes: number
  #usedBytes = 0

  constructor(components: { readonly log: Log }, { limitBytes = MAX_BUFFERED_BYTES } = {}) {
    this.#log = components.log
    this.#limitBytes = limitBytes
  }

  /** What one request takes; given back when it is disposed of. */
  reserve(): MemoryReservation {
    let reservedBytes = 0
    let disposed = false
    return {
      add: bytes => {
        if (disposed) throw new ManifestMemoryError(bytes)
        if (this.#usedBytes + bytes > this.#limitBytes) {
          this.#log.warn('no memory left for a manifest', { bytes, limitBytes: this.#limitBytes })
          throw new ManifestMemoryError(bytes)
        }
        this.#usedBytes += bytes
        reservedBytes += bytes
      },
      [Symbol.dispose]: () => {
        disposed = true
        this.#usedBytes -= reservedBytes
        reservedBytes = 0
      },
    }
  }
}

export interface MemoryReservation extends Disposable {
  /**
   * Takes `bytes` more.
   * @throws {ManifestMemoryError} where there is not that much left, or the reservation was given back
   */
  add(bytes: number): void
}
