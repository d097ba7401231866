import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { parseRange } from '../http/range.ts'
import { forwardedRange } from './forwarded-range.ts'

describe('forwardedRange', () => {
  for (const header of [undefined, 'bytes=0-', 'bytes= 0-', 'bytes=0-1,3-4', 'bytes=5-2', 'bytes=-', 'lines=1-2', '']) {
    test(`asks for the whole blob for ${header ?? 'no header'}`, () => {
      assert.equal(forwardedRange(header), undefined)
    })
  }

  for (const header of ['bytes=1-', 'bytes=0-0', 'bytes=0-99', 'bytes=-5', 'bytes=-0', 'bytes=7-9']) {
    test(`passes ${header} on`, () => {
      assert.equal(forwardedRange(header), header)
    })
  }

  const digits = fc.option(fc.nat({ max: 30 }).map(String), { nil: '' })
  const header = fc.oneof(
    fc.tuple(digits, digits).map(ends => `bytes=${ends.join('-')}`),
    fc.string(),
  )

  test('asks for the whole blob only where that is what the range means', () => {
    fc.assert(
      fc.property(header, fc.integer({ min: 1, max: 30 }), (header, size) => {
        fc.pre(forwardedRange(header) === undefined)
        const range = parseRange(header, size)
        assert.ok(range.kind === 'full' || (range.kind === 'range' && range.start === 0 && range.end === size - 1))
      }),
    )
  })
})
