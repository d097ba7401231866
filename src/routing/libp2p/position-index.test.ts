import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { type Placed, PositionIndex } from './position-index.ts'
import { compareDistance } from './record-key.ts'

/** Positions of which many share long prefixes. */
const position = fc
  .tuple(fc.constantFrom(0, 1, 0x80, 0xff), fc.uint8Array({ minLength: 31, maxLength: 31 }), fc.boolean())
  .map(([first, rest, isNear]) => Buffer.concat([Buffer.of(first), isNear ? Buffer.alloc(31, 7) : rest]))

test('the nearest are those that sorting all by distance puts first', () => {
  fc.assert(
    fc.property(fc.array(position, { maxLength: 60 }), position, fc.nat({ max: 30 }), (positions, target, count) => {
      const index = new PositionIndex<Placed>()
      for (const each of positions) index.add({ position: each })
      const sorted = positions.toSorted((a, b) => compareDistance(target, a, b)).slice(0, count)
      assert.deepEqual(
        index.nearest(target, count).map(item => item.position),
        sorted,
      )
    }),
  )
})

test('an item that is removed is gone, and no other at its place', () => {
  fc.assert(
    fc.property(fc.array(position, { minLength: 1, maxLength: 20 }), fc.nat(), (positions, which) => {
      const items = positions.map(each => ({ position: each }))
      const index = new PositionIndex<Placed>()
      for (const item of items) index.add(item)
      const [gone] = items.splice(which % items.length, 1)
      assert.ok(gone)
      assert.equal(index.remove(gone), true)
      assert.equal(index.remove(gone), false)
      assert.equal(index.size, items.length)
      assert.deepEqual(new Set(index.nearest(gone.position, 100)), new Set(items))
    }),
  )
})
