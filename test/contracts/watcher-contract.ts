import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import { entryKey } from '../../src/store/entry-tracker.ts'
import type { StoreEntry, StoreEvent, Watcher } from '../../src/store/watcher.ts'
import { sampleImage, sampleTag } from './sample-image.ts'
import { patience, type StoreFixture } from './store-contract.ts'

/** A watcher under test, and a hand on what its store holds. */
export interface WatcherFixture extends Omit<StoreFixture, 'store'> {
  readonly watcher: Watcher
}

/** Follows a watcher the way its users do: by applying its events in order. */
export class FollowedStore implements AsyncDisposable {
  readonly events: StoreEvent[] = []
  readonly #entries = new Map<string, StoreEntry>()
  readonly #stop = new AbortController()
  readonly #iteration: AsyncIterator<StoreEvent>

  constructor(watcher: Watcher) {
    const signal = AbortSignal.any([this.#stop.signal, patience()])
    this.#iteration = watcher.watch({ signal })[Symbol.asyncIterator]()
  }

  /** Applies events until all `expected` entries, and nothing else, are there. */
  async until(expected: readonly StoreEntry[]): Promise<void> {
    const want = new Map(expected.map(entry => [entryKey(entry), entry]))
    while (this.events.length === 0 || !isDeepStrictEqual(this.#entries, want)) {
      const { done, value } = await this.#iteration.next()
      if (done === true) assert.deepEqual(this.#entries, want, 'the watcher ended before this was there')
      else this.#apply(value)
    }
  }

  /** Ends the iteration, which must not fail. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    while ((await this.#iteration.next()).done !== true);
  }

  #apply(event: StoreEvent): void {
    if (this.events.length === 0) assert.equal(event.type, 'snapshot')
    this.events.push(event)
    if (event.type === 'snapshot') this.#entries.clear()
    for (const entry of event.entries) {
      if (event.type === 'removed') this.#entries.delete(entryKey(entry))
      else this.#entries.set(entryKey(entry), entry)
    }
  }
}

async function putSample(fixture: WatcherFixture): Promise<{ root: Digest; parts: readonly Digest[] }> {
  const image = sampleImage()
  for (const part of [image.config, ...image.layers, image.manifest, image.index]) await fixture.put(part.content)
  return {
    root: digestOf(image.index.content),
    parts: [image.manifest, image.config, ...image.layers].map(part => digestOf(part.content)),
  }
}

/** What every {@link Watcher} does. */
export function watcherContract(name: string, setup: () => Promise<WatcherFixture>): void {
  test(`${name}: the first event of a watch is a snapshot, even of an empty store`, async () => {
    await using fixture = await setup()
    await using followed = new FollowedStore(fixture.watcher)
    await followed.until([])
    assert.deepEqual(followed.events, [{ type: 'snapshot', entries: [] }])
  })

  test(`${name}: the snapshot holds each tag, its image and what belongs to it once, under the image's registry`, async () => {
    await using fixture = await setup()
    const { root, parts } = await putSample(fixture)
    const loose = await fixture.put(Buffer.from('of no image'))
    await fixture.tag(sampleTag, root)
    await fixture.tag({ ...sampleTag, tag: 'again' }, root)
    await using followed = new FollowedStore(fixture.watcher)
    const { registry } = sampleTag
    await followed.until([
      { kind: 'tag', reference: sampleTag, digest: root },
      { kind: 'tag', reference: { ...sampleTag, tag: 'again' }, digest: root },
      { kind: 'image', registry, digest: root },
      ...parts.map(digest => ({ kind: 'content', registry, digest }) as const),
      { kind: 'content', registry: '', digest: loose },
    ])
    assert.equal(followed.events.length, 1)
  })

  test(`${name}: content and tags are told as they come, move and go`, async () => {
    await using fixture = await setup()
    const first = await fixture.put(sampleImage('first').manifest.content)
    await using followed = new FollowedStore(fixture.watcher)
    await followed.until([{ kind: 'content', registry: '', digest: first }])

    const { registry } = sampleTag
    const second = await fixture.put(sampleImage('second').manifest.content)
    await followed.until([first, second].map(digest => ({ kind: 'content', registry: '', digest })))
    await fixture.tag(sampleTag, first)
    await followed.until([
      { kind: 'tag', reference: sampleTag, digest: first },
      { kind: 'image', registry, digest: first },
      { kind: 'content', registry: '', digest: second },
    ])
    await fixture.tag(sampleTag, second)
    await followed.until([
      { kind: 'tag', reference: sampleTag, digest: second },
      { kind: 'content', registry: '', digest: first },
      { kind: 'image', registry, digest: second },
    ])
    await fixture.untag(sampleTag)
    await fixture.remove(second)
    await followed.until([{ kind: 'content', registry: '', digest: first }])
    await fixture.remove(first)
    await followed.until([])
  })

  test(`${name}: a tag whose manifest is not held is not told`, async () => {
    await using fixture = await setup()
    const digest = await fixture.put(sampleImage().manifest.content)
    await fixture.tag(sampleTag, digest)
    await fixture.remove(digest)
    await using followed = new FollowedStore(fixture.watcher)
    await followed.until([])
  })

  test(`${name}: two watches at once are both told everything`, async () => {
    await using fixture = await setup()
    await using one = new FollowedStore(fixture.watcher)
    await using other = new FollowedStore(fixture.watcher)
    await one.until([])
    await other.until([])
    const digest = await fixture.put(Buffer.from('for both'))
    await one.until([{ kind: 'content', registry: '', digest }])
    await other.until([{ kind: 'content', registry: '', digest }])
  })

  test(`${name}: a watch whose signal is aborted from the start ends without an event`, async () => {
    await using fixture = await setup()
    const events = await Array.fromAsync(fixture.watcher.watch({ signal: AbortSignal.abort() }))
    assert.deepEqual(events, [])
  })
}
