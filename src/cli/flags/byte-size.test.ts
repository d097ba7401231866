import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { parseByteSize } from './byte-size.ts'

const GOOD: readonly (readonly [string, number])[] = [
  ['0', 0],
  ['1500', 1500],
  ['20MB', 20_000_000],
  ['20MiB', 20_971_520],
  ['1.5kB', 1500],
  ['512KiB', 524_288],
  ['2GB', 2_000_000_000],
]

for (const [text, bytes] of GOOD) {
  test(`${text} is ${bytes} bytes`, () => assert.equal(parseByteSize(text), bytes))
}

for (const text of [
  '',
  'MB',
  '-1',
  '1 MB',
  '1mb',
  '1TB',
  '1e3',
  '1.',
  '.5MB',
  '1constructor',
  '99999999999GB',
  '1\n',
]) {
  test(`${JSON.stringify(text)} is no size`, () => assert.equal(parseByteSize(text), undefined))
}

test('no text gives anything but a whole number of bytes', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9.]{0,20}[kMGi]{0,2}B?$/)), text => {
      const bytes = parseByteSize(text)
      assert.ok(bytes === undefined || (Number.isSafeInteger(bytes) && bytes >= 0))
    }),
  )
})
