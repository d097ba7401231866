/**
 * The C library takes what is larger than 32 MiB straight from the kernel and gives it straight back, and the kernel gives
 * pages only as they are written to. The rest of the heap may be in pieces; this is not.
 */
const MAPPED_BYTES = 33 * 1024 * 1024

/**
 * Where the first block begins: at the start of a page, since the C library keeps 16 bytes before what it maps. The kernel
 * copies into blocks that lie across the lines of the cache at half the speed.
 */
const FIRST_BLOCK = 4096 - 16

export interface BufferArenaOptions {
  /** What its blocks take together; a multiple of `maxBlockBytes`. */
  readonly bytes: number
  /** A power of two. */
  readonly minBlockBytes: number
  /** A power of two. */
  readonly maxBlockBytes: number
}

/**
 * Blocks out of one piece of memory, by the buddy system (Knuth, The Art of Computer Programming, volume 1, 2.5): each is
 * half of a larger one, and they become that again when both are free. Memory that was never lent costs nothing.
 */
export class BufferArena {
  readonly #options: BufferArenaOptions
  /** Offsets of free blocks by their size; those lent last are lent first, so that few pages are ever touched. */
  readonly #free = new Map<number, number[]>()
  #memory: ArrayBuffer | undefined
  #lentBytes = 0

  constructor(options: BufferArenaOptions) {
    this.#options = options
    const { bytes, minBlockBytes, maxBlockBytes } = options
    for (let size = minBlockBytes; size <= maxBlockBytes; size *= 2) this.#free.set(size, [])
    for (let end = bytes; end > 0; end -= maxBlockBytes) this.#freeOf(maxBlockBytes).push(end - maxBlockBytes)
  }

  get lentBytes(): number {
    return this.#lentBytes
  }

  /** A block of `size` bytes, a power of two, or of the largest size below it that is left; undefined where none is. */
  lend(size: number): Buffer | undefined {
    const { minBlockBytes } = this.#options
    for (let fitting = size; fitting >= minBlockBytes; fitting /= 2) {
      const offset = this.#take(fitting)
      if (offset === undefined) continue
      this.#lentBytes += fitting
      this.#memory ??= new ArrayBuffer(Math.max(FIRST_BLOCK + this.#options.bytes, MAPPED_BYTES))
      return Buffer.from(this.#memory, FIRST_BLOCK + offset, fitting)
    }
    return undefined
  }

  /** Whether `block` is of this arena. */
  owns(block: Buffer): boolean {
    return block.buffer === this.#memory
  }

  /** Takes back a block of {@link lend} that nothing reads or writes any more. */
  takeBack({ byteOffset, length }: Buffer): void {
    this.#lentBytes -= length
    let offset = byteOffset - FIRST_BLOCK
    let size = length
    while (size < this.#options.maxBlockBytes) {
      const free = this.#freeOf(size)
      // A block's buddy differs from it in the one bit of their size.
      const buddy = free.indexOf(offset ^ size)
      if (buddy === -1) break
      free.splice(buddy, 1)
      offset &= ~size
      size *= 2
    }
    this.#freeOf(size).push(offset)
  }

  /** Gives memory back to the system, where nothing of it is lent. */
  trim(): void {
    if (this.#lentBytes > 0) return
    // Waiting for a garbage collection could take an idle process hours.
    this.#memory?.transfer(0)
    this.#memory = undefined
  }

  #take(size: number): number | undefined {
    const offset = this.#free.get(size)?.pop()
    if (offset !== undefined || size >= this.#options.maxBlockBytes) return offset
    const larger = this.#take(size * 2)
    if (larger === undefined) return undefined
    this.#freeOf(size).push(larger + size)
    return larger
  }

  #freeOf(size: number): number[] {
    const free = this.#free.get(size)
    if (free === undefined) throw new RangeError(`no block has ${size} bytes`)
    return free
  }
}
