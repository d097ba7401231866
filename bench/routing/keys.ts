import { randomUUID } from 'node:crypto'

/** Digests that nobody has provided or looked for. */
export function freshKeys(count: number): readonly string[] {
  return Array.from({ length: count }, () => `sha256:${randomUUID().replaceAll('-', '').repeat(2)}`)
}

/** Keys that no one has looked up before, so that no cache knows them: each batch is another part of the list. */
export class Batches {
  readonly #keys: readonly string[]
  #taken = 0

  constructor(keys: readonly string[]) {
    this.#keys = keys
  }

  next(count: number): readonly string[] {
    this.#taken = this.#taken + count > this.#keys.length ? count : this.#taken + count
    return this.#keys.slice(this.#taken - count, this.#taken)
  }
}
