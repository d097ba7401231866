/** Something with a place in the key space: 32 bytes. */
export interface Placed {
  readonly position: Buffer
}

const POSITION_BITS = 256

/**
 * Finds what lies nearest to a position (by XOR distance), without looking at all there is: sorted by position, it can be
 * walked as the binary tree that Kademlia's buckets are cut from.
 */
export class PositionIndex<Item extends Placed> {
  readonly #sorted: Item[] = []

  get size(): number {
    return this.#sorted.length
  }

  add(item: Item): void {
    this.#sorted.splice(this.#indexOf(item.position), 0, item)
  }

  /** @returns false where `item` is not there. */
  remove(item: Item): boolean {
    for (let index = this.#indexOf(item.position); index < this.#sorted.length; index++) {
      const found = this.#sorted[index]
      if (found === item) {
        this.#sorted.splice(index, 1)
        return true
      }
      if (found === undefined || !found.position.equals(item.position)) break
    }
    return false
  }

  /** The `count` items nearest to `target`, nearest first. */
  nearest(target: Buffer, count: number): Item[] {
    const found: Item[] = []
    this.#collect(found, { target, count, from: 0, to: this.#sorted.length, bit: 0 })
    return found
  }

  /** Walks the items of one subtree (all alike up to `bit`): first the half on the side of the target. */
  #collect(found: Item[], subtree: Subtree): void {
    const { target, count, from, to, bit } = subtree
    if (found.length >= count || from >= to) return
    if (to - from === 1 || bit === POSITION_BITS) {
      found.push(...this.#sorted.slice(from, Math.min(to, from + count - found.length)))
      return
    }
    const middle = this.#firstWithBit(from, to, bit)
    const near = bitOf(target, bit) === 0
    this.#collect(found, { ...subtree, from: near ? from : middle, to: near ? middle : to, bit: bit + 1 })
    this.#collect(found, { ...subtree, from: near ? middle : from, to: near ? to : middle, bit: bit + 1 })
  }

  /** Where, between `from` and `to`, the items whose `bit` is set begin. */
  #firstWithBit(from: number, to: number, bit: number): number {
    return this.#search(from, to, ({ position }) => bitOf(position, bit) === 1)
  }

  /** Where `position` is, or belongs. */
  #indexOf(position: Buffer): number {
    return this.#search(0, this.#sorted.length, item => Buffer.compare(item.position, position) >= 0)
  }

  /** The first index between `from` and `to` whose item passes; all items after it do, too. */
  #search(from: number, to: number, passes: (item: Item) => boolean): number {
    let [low, high] = [from, to]
    while (low < high) {
      const middle = (low + high) >>> 1
      const item = this.#sorted[middle]
      if (item === undefined || passes(item)) high = middle
      else low = middle + 1
    }
    return low
  }
}

interface Subtree {
  readonly target: Buffer
  readonly count: number
  readonly from: number
  readonly to: number
  readonly bit: number
}

function bitOf(position: Buffer, bit: number): number {
  return ((position[bit >>> 3] ?? 0) >>> (7 - (bit & 7))) & 1
}
