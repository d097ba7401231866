import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MemoryLog } from '../../test/fakes/memory-log.ts'
import { ManifestMemoryError } from './errors.ts'
import { ManifestMemory } from './manifest-memory.ts'

describe('ManifestMemory', () => {
  test('refuses what goes beyond its limit, with a warning, and gives back what a request took', () => {
    const log = new MemoryLog()
    const memory = new ManifestMemory({ log }, { limitBytes: 10 })
    {
      using first = memory.reserve()
      using second = memory.reserve()
      first.add(4)
      first.add(4)
      second.add(2)
      assert.throws(() => second.add(1), ManifestMemoryError)
      assert.deepEqual(
        log.lines.map(({ level }) => level),
        ['warn'],
      )
    }
    using third = memory.reserve()
    third.add(10)
  })

  test('lets nothing be taken for a request that is over', () => {
    const log = new MemoryLog()
    const memory = new ManifestMemory({ log }, { limitBytes: 10 })
    const reservation = memory.reserve()
    reservation[Symbol.dispose]()
    assert.throws(() => reservation.add(1), ManifestMemoryError)
    assert.deepEqual(log.lines, [])
  })
})
