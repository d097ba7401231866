import assert from 'node:assert/strict'
import { test } from 'node:test'
import { closest } from './suggest.ts'

const NAMES = ['registry-addr', 'router-addr', 'metrics-addr', 'store']

for (const [word, expected] of [
  ['registry-adr', 'registry-addr'],
  ['registryaddr', 'registry-addr'],
  ['route-addr', 'router-addr'],
  ['stor', 'store'],
  ['stroe', 'store'],
  ['x', undefined],
  ['', undefined],
  ['r'.repeat(100), undefined],
] as const) {
  test(`${JSON.stringify(word)} suggests ${expected ?? 'nothing'}`, () => assert.equal(closest(word, NAMES), expected))
}
