import type { Machine } from './cluster.ts'
import { CHUNK_BYTES, type ImageBlob } from './conditions.ts'

/** One blob on one machine, as far as it has come. */
export class Download {
  readonly machine: Machine
  readonly blob: ImageBlob
  have = 0
  /** Whether bytes are arriving. */
  isFlowing = (): boolean => false
  /** Told once, when there is more than now. */
  readonly #waiting = new Set<() => void>()

  constructor(machine: Machine, blob: ImageBlob) {
    this.machine = machine
    this.blob = blob
  }

  get isComplete(): boolean {
    return this.have === this.blob.size
  }

  /** How many bytes from `position` on could be sent now, at most a chunk. */
  available(position: number): number {
    if (this.blob.isManifest && !this.isComplete) return 0
    return Math.min(CHUNK_BYTES, this.have - position)
  }

  grow(bytes: number): void {
    this.have += bytes
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const wake of waiting) wake()
  }

  onGrowth(wake: () => void): void {
    this.#waiting.add(wake)
  }

  offGrowth(wake: () => void): void {
    this.#waiting.delete(wake)
  }
}
