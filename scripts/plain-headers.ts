/**
 * Stands for `Headers` in the bundled gRPC client, as far as that uses it. Node's own comes with all of undici, 6 MiB of
 * resident memory that nothing else here needs.
 */
export class PlainHeaders {
  readonly #values = new Map<string, string>()

  constructor(init: Iterable<readonly [string, string]> | Readonly<Record<string, string>> = {}) {
    const entries = Symbol.iterator in init ? init : Object.entries(init)
    for (const [name, value] of entries) this.append(name, value)
  }

  get(name: string): string | null {
    return this.#values.get(name.toLowerCase()) ?? null
  }

  has(name: string): boolean {
    return this.#values.has(name.toLowerCase())
  }

  set(name: string, value: string): void {
    this.#values.set(name.toLowerCase(), trim(value))
  }

  append(name: string, value: string): void {
    const before = this.get(name)
    this.#values.set(name.toLowerCase(), before === null ? trim(value) : `${before}, ${trim(value)}`)
  }

  delete(name: string): void {
    this.#values.delete(name.toLowerCase())
  }

  forEach(visit: (value: string, name: string) => void): void {
    for (const [name, value] of this) visit(value, name)
  }

  /** By name, as those of the standard. */
  [Symbol.iterator](): Iterator<[string, string]> {
    return [...this.#values].toSorted(([one], [other]) => (one < other ? -1 : 1))[Symbol.iterator]()
  }
}

/** What counts as space around a value. */
function trim(value: string): string {
  return value.replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, '')
}
