import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatBytes, formatRate } from './byte-text.ts'

for (const [bytes, text] of [
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 kB'],
  [999_949, '999.9 kB'],
  [999_950, '1.0 MB'],
  [60_000_000, '60.0 MB'],
  [1_500_000_000, '1.5 GB'],
  [2_000_000_000_000_000, '2000.0 TB'],
] as const) {
  test(`${bytes} bytes are ${text}`, () => assert.equal(formatBytes(bytes), text))
}

test('a rate is bytes by seconds, and 0 while no time has passed', () => {
  assert.equal(formatRate(60_000_000, 2), '30.0 MB/s')
  assert.equal(formatRate(60_000_000, 0), '0 B/s')
})
