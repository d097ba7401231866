import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { HeaderTimes } from './header-times.ts'

describe('HeaderTimes', () => {
  const cases: readonly (readonly [string, readonly number[], number])[] = [
    ['is 50 ms before anything is known', [], 50],
    ['is the 90th percentile', Array.from({ length: 100 }, (_, index) => index + 1), 90],
    ['is at least 5 ms', [0.2, 0.3], 5],
    ['is at most 200 ms', [1000], 200],
    ['comes from the most recent times', [...Array<number>(128).fill(100), ...Array<number>(128).fill(10)], 10],
  ]
  for (const [what, times, expected] of cases) {
    test(`hedge delay ${what}`, () => {
      const headerTimes = new HeaderTimes()
      for (const time of times) headerTimes.add(time)
      assert.equal(headerTimes.hedgeDelayMs(), expected)
    })
  }
})
