const FIRST_CAPACITY = 1024
const NONE = 0

/** What a record is made from. */
export interface PooledRecord {
  /** Index of the provider. */
  readonly provider: number
  /** In milliseconds of the clock in use; kept in seconds, rounded down. */
  readonly expiresAt: number
  /** The record that follows in the chain, if any. */
  readonly next: number | undefined
}

/**
 * Records of a few numbers each, named by integers and linked into chains, side by side in typed arrays: twelve bytes
 * a record. The arrays double when they are full.
 */
export class RecordPool {
  #provider = new Uint32Array(FIRST_CAPACITY)
  #expiresAt = new Uint32Array(FIRST_CAPACITY)
  #next = new Uint32Array(FIRST_CAPACITY)
  /** Records from here on have never been used. 0 is no record. */
  #unused = 1
  /** First of the chain of records that were removed. */
  #free = NONE
  #size = 0

  get size(): number {
    return this.#size
  }

  add({ provider, expiresAt, next }: PooledRecord): number {
    const record = this.#allocate()
    this.#provider[record] = provider
    this.#next[record] = next ?? NONE
    this.renew(record, expiresAt)
    this.#size++
    return record
  }

  /** @param previous the record before it in its chain, if any */
  remove(record: number, previous: number | undefined): void {
    if (previous !== undefined) this.#next[previous] = this.#next[record] ?? NONE
    this.#next[record] = this.#free
    this.#free = record
    this.#size--
  }

  provider(record: number): number {
    return this.#provider[record] ?? 0
  }

  expiresAt(record: number): number {
    return (this.#expiresAt[record] ?? 0) * 1000
  }

  renew(record: number, expiresAt: number): void {
    this.#expiresAt[record] = Math.floor(expiresAt / 1000)
  }

  next(record: number): number | undefined {
    const next = this.#next[record]
    return next === NONE ? undefined : next
  }

  #allocate(): number {
    if (this.#free !== NONE) {
      const record = this.#free
      this.#free = this.#next[record] ?? NONE
      return record
    }
    if (this.#unused === this.#next.length) this.#grow()
    return this.#unused++
  }

  #grow(): void {
    this.#provider = doubled(this.#provider)
    this.#expiresAt = doubled(this.#expiresAt)
    this.#next = doubled(this.#next)
  }
}

function doubled(array: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const grown = new Uint32Array(2 * array.length)
  grown.set(array)
  return grown
}
