import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { type ByteRange, parseRange } from './range.ts'

const full: ByteRange = { kind: 'full' }
const unsatisfiable: ByteRange = { kind: 'unsatisfiable' }
const range = (start: number, end: number): ByteRange => ({ kind: 'range', start, end })
const sizes = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })

describe('parseRange', () => {
  const cases: readonly (readonly [string | undefined, number, ByteRange])[] = [
    [undefined, 10, full],
    ['', 10, full],
    ['bytes=0-', 10, range(0, 9)],
    ['bytes=3-', 10, range(3, 9)],
    ['bytes=3-5', 10, range(3, 5)],
    ['bytes=9-9', 10, range(9, 9)],
    ['bytes=3-99999999999999999999999', 10, range(3, 9)],
    ['bytes=-4', 10, range(6, 9)],
    ['bytes=-400', 10, range(0, 9)],
    ['Bytes= 3-5 ', 10, range(3, 5)],
    ['bytes=10-', 10, unsatisfiable],
    ['bytes=99999999999999999999999-', 10, unsatisfiable],
    ['bytes=-0', 10, unsatisfiable],
    ['bytes=0-', 0, full],
    ['bytes=5-3', 10, full],
    ['bytes=-', 10, full],
    ['bytes=', 10, full],
    ['bytes=0-1,3-4', 10, full],
    ['bytes=0-1,', 10, full],
    ['bytes=+1-2', 10, full],
    ['bytes=1e0-2', 10, full],
    ['bytes=0x1-2', 10, full],
    ['bytes=--4', 10, full],
    ['bytes 0-4', 10, full],
    ['items=0-4', 10, full],
  ]
  for (const [header, size, expected] of cases) {
    it(`reads ${JSON.stringify(header)} of ${size} bytes as ${JSON.stringify(expected)}`, () => {
      assert.deepEqual(parseRange(header, size), expected)
    })
  }

  it('finds the range that was written, cut to the size', () => {
    fc.assert(
      fc.property(sizes, fc.maxSafeNat(), fc.maxSafeNat(), (size, a, b) => {
        const [start, end] = a < b ? [a, b] : [b, a]
        const expected = start < size ? range(start, Math.min(end, size - 1)) : unsatisfiable
        assert.deepEqual(parseRange(`bytes=${start}-${end}`, size), expected)
      }),
    )
  })

  it('finds the suffix that was written, cut to the size', () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), (size, length) => {
        assert.deepEqual(parseRange(`bytes=-${length}`, size), range(Math.max(0, size - length), size - 1))
      }),
    )
  })

  it('gives positions inside of the representation, whatever it is given', () => {
    const headers = fc.oneof(fc.string(), fc.stringMatching(/^bytes=[-0-9, ]*$/))
    fc.assert(
      fc.property(headers, fc.maxSafeNat(), (header, size) => {
        const found = parseRange(header, size)
        if (found.kind !== 'range') return
        assert.ok(Number.isSafeInteger(found.start) && Number.isSafeInteger(found.end))
        assert.ok(found.start >= 0 && found.start <= found.end && found.end < size)
      }),
    )
  })
})
