import { randomBytes } from 'node:crypto'
import { abortable } from '../../src/routing/libp2p/abortable.ts'
import type { MemberKind } from '../../src/routing/libp2p/placement.ts'
import type { RecordTarget } from '../../src/routing/libp2p/record-target.ts'
import type { CallOptions } from '../../src/routing/router.ts'

/** A member that notes what it is told. */
export class FakeRecordTarget implements RecordTarget {
  readonly position = randomBytes(32)
  readonly kind: MemberKind
  /** What it holds, by record key in latin1. */
  readonly held = new Set<string>()
  /** Every call, in order. */
  readonly calls: { readonly kind: 'announce' | 'retract'; readonly keys: readonly string[] }[] = []
  /** Keys of which it says that it knows enough holders. */
  readonly enough = new Set<string>()
  /** Whether it refuses everything. */
  refuses = false
  /** What each call waits for. */
  delay: Promise<void> = Promise.resolve()

  constructor(kind: MemberKind = 'spegel') {
    this.kind = kind
  }

  async announce(keys: readonly Uint8Array[], options: CallOptions): Promise<readonly number[]> {
    const names = await this.#take('announce', keys, options)
    for (const name of names) if (!this.enough.has(name)) this.held.add(name)
    return names.flatMap((name, place) => (this.enough.has(name) ? [place] : []))
  }

  async retract(keys: readonly Uint8Array[], options: CallOptions): Promise<void> {
    for (const name of await this.#take('retract', keys, options)) this.held.delete(name)
  }

  async #take(
    kind: 'announce' | 'retract',
    keys: readonly Uint8Array[],
    { signal }: CallOptions,
  ): Promise<readonly string[]> {
    const names = keys.map(key => Buffer.from(key).toString('latin1'))
    this.calls.push({ kind, keys: names })
    await abortable(this.delay, signal)
    if (this.refuses) throw new Error('refused')
    return names
  }
}
