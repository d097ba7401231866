import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { MAX_DURATION_MS, parseDuration } from './duration.ts'

const GOOD: readonly (readonly [string, number])[] = [
  ['0', 0],
  ['20ms', 20],
  ['1m30s', 90_000],
  ['1.5h', 5_400_000],
  ['.5s', 500],
  ['1.s', 1000],
  ['250us', 0.25],
  ['250µs', 0.25],
  ['1h1m1s1ms', 3_661_001],
  ['0s', 0],
  ['2147483647ms', MAX_DURATION_MS],
]

for (const [text, ms] of GOOD) {
  test(`${text} is ${ms} ms`, () => assert.equal(parseDuration(text), ms))
}

for (const text of [
  '',
  '20',
  '-1s',
  '+1s',
  'ms',
  '1 s',
  '1s ',
  '1d',
  '1e3s',
  '1..5s',
  '.s',
  '2147483648ms',
  '٣s',
  '1s\n',
]) {
  test(`${JSON.stringify(text)} is no duration`, () => assert.equal(parseDuration(text), undefined))
}

test('a duration is the sum of its parts', () => {
  const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const
  const part = fc.record({
    count: fc.nat({ max: 20 }),
    unit: fc.constantFrom('ms', 's', 'm', 'h'),
  })
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 5 }), parts => {
      const text = parts.map(({ count, unit }) => `${count}${unit}`).join('')
      const sumMs = parts.reduce((sum, { count, unit }) => sum + count * UNITS[unit], 0)
      assert.equal(parseDuration(text), sumMs)
    }),
  )
})

test('no text gives anything but a duration that a timer can wait', () => {
  const text = fc.oneof(fc.string(), fc.stringMatching(/^[0-9.]{0,12}(ns|us|ms|s|m|h)?$/))
  fc.assert(
    fc.property(text, text => {
      const ms = parseDuration(text)
      assert.ok(ms === undefined || (ms >= 0 && ms <= MAX_DURATION_MS))
    }),
  )
})
