import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { digestOf } from '../oci/digest.ts'
import { EntryTracker, entryKey } from './entry-tracker.ts'
import type { StoreEntry, StoreEvent } from './watcher.ts'

const digest = fc.constantFrom('a', 'b', 'c').map(seed => digestOf(Buffer.from(seed)))
const registry = fc.constantFrom('', 'one.example', 'two.example')
const tag = fc.constantFrom('v1', 'v2').map(name => {
  return { kind: 'tag', registry: 'one.example', repository: 'r', tag: name } as const
})
const entry: fc.Arbitrary<StoreEntry> = fc.oneof(
  fc.record({ kind: fc.constant('tag' as const), reference: tag, digest }, { noNullPrototype: true }),
  fc.record(
    { kind: fc.constantFrom('image' as const, 'content' as const), registry, digest },
    { noNullPrototype: true },
  ),
)
const entries = fc.array(entry, { maxLength: 8 })

function look(tracker: EntryTracker, told: readonly StoreEntry[]): Promise<readonly StoreEvent[]> {
  return tracker.look(async tell => told.forEach(tell))
}

/** What is there: of entries with the same key the one told first. */
function state(told: readonly StoreEntry[]): ReadonlyMap<string, StoreEntry> {
  return new Map(told.toReversed().map(item => [entryKey(item), item]))
}

test('whoever applies the events of each look knows what was there at the last', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(entries, { minLength: 1, maxLength: 5 }), async looks => {
      const tracker = new EntryTracker()
      const known = new Map<string, StoreEntry>()
      for (const [index, told] of looks.entries()) {
        for (const event of await look(tracker, told)) {
          assert.equal(event.type === 'snapshot', index === 0)
          assert.ok(event.type === 'snapshot' || event.entries.length > 0)
          for (const item of event.entries) {
            if (event.type === 'removed') assert.deepEqual(known.get(entryKey(item)), item)
            else assert.equal(known.has(entryKey(item)), false)
            if (event.type === 'removed') known.delete(entryKey(item))
            else known.set(entryKey(item), item)
          }
        }
        assert.deepEqual(known, state(told))
      }
    }),
  )
})

test('a second look at the same entries tells nothing, in whatever order they come', async () => {
  await fc.assert(
    fc.asyncProperty(entries, async told => {
      const tracker = new EntryTracker()
      await look(tracker, told)
      assert.deepEqual(await look(tracker, [...state(told).values()]), [])
    }),
  )
})

test('a look that fails tells nothing, and is as if it had not been', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(entries, { maxLength: 1 }), entries, entries, async (before, during, after) => {
      const [tracker, undisturbed] = [new EntryTracker(), new EntryTracker()]
      for (const told of before) for (const each of [tracker, undisturbed]) await look(each, told)
      const failure = new Error('unreadable')
      const failing = tracker.look(async tell => {
        during.forEach(tell)
        throw failure
      })
      await assert.rejects(failing, failure)
      assert.deepEqual(sorted(await look(tracker, after)), sorted(await look(undisturbed, after)))
    }),
  )
})

/** Removals come in no particular order. */
function sorted(events: readonly StoreEvent[]): readonly object[] {
  return events.map(({ type, entries: told }) => ({
    type,
    entries: told.toSorted((a, b) => entryKey(a).localeCompare(entryKey(b))),
  }))
}
