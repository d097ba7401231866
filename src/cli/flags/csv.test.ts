import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { parseCsv } from './csv.ts'

const GOOD: readonly (readonly [string, readonly string[]])[] = [
  ['', ['']],
  ['a', ['a']],
  ['a,b', ['a', 'b']],
  ['a,,', ['a', '', '']],
  [' a , b ', [' a ', ' b ']],
  ['"a,b",c', ['a,b', 'c']],
  ['"say ""hi"""', ['say "hi"']],
  ['"two\nlines"', ['two\nlines']],
  ['a,b\n', ['a', 'b']],
  ['a,"b"\r\n', ['a', 'b']],
]

for (const [text, fields] of GOOD) {
  test(`${JSON.stringify(text)} is a record of ${fields.length}`, () => assert.deepEqual(parseCsv(text), fields))
}

for (const text of ['"', '"a', 'a"b', '"a"b', '"a" ,b', 'a\nb', 'a\n\n', '\na', 'a\r', 'a,"']) {
  test(`${JSON.stringify(text)} is no record`, () => assert.equal(parseCsv(text), undefined))
}

test('what is written as RFC 4180 says reads back', () => {
  fc.assert(
    fc.property(fc.array(fc.string(), { minLength: 1 }), fields => {
      const text = fields.map(field => `"${field.replaceAll('"', '""')}"`).join(',')
      assert.deepEqual(parseCsv(text), fields)
    }),
  )
})
