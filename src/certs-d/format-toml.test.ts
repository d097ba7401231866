import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { parse, type TomlTable, type TomlValue } from 'smol-toml'
import { formatToml, isTomlTable } from './format-toml.ts'

const text = fc.string({
  unit: fc.oneof(
    fc.constantFrom('"', "'", '\\', '\n', '\u007f', '\0', '\t'),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
  ),
})
/** A plain assignment of this name would set the prototype instead. */
const keys = text.filter(key => key !== '__proto__')
const dates = fc.constantFrom(
  '1979-05-27T07:32:00Z',
  '1979-05-27T00:32:00.999-07:00',
  '1979-05-27T07:32:00',
  '1979-05-27',
  '07:32:00',
)

/** Tables as literals make them, so that deep equality holds. */
function plain(value: TomlValue): unknown {
  if (Array.isArray(value)) return value.map(plain)
  return isTomlTable(value) ? Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each)])) : value
}

const { table } = fc.letrec<{ value: unknown; table: Record<string, unknown> }>(tie => ({
  value: fc.oneof(
    { maxDepth: 4 },
    text,
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.double(),
    fc.boolean(),
    dates.map(date => parse(`d = ${date}`)['d']),
    fc.array(tie('value'), { maxLength: 4 }),
    tie('table'),
  ),
  table: fc.dictionary(keys, tie('value'), { maxKeys: 5, noNullPrototype: true }),
}))

test('what is written is what is read', () => {
  fc.assert(
    fc.property(table, table => {
      const written = formatToml(table as TomlTable)
      assert.deepEqual(plain(parse(written, { integersAsBigInt: true })), table)
      assert.equal(formatToml(table as TomlTable), written)
    }),
    { numRuns: 500 },
  )
})

test('values come before tables, and a table of tables has a header where containerd looks for it', () => {
  assert.equal(
    formatToml({ host: { 'http://a:5000': { header: { 'X-a': ['"'] } } }, server: 's', host2: {} }),
    [
      'server = "s"',
      '',
      '[host."http://a:5000"]',
      '',
      '[host."http://a:5000".header]',
      'X-a = ["\\""]',
      '',
      '[host2]',
      '',
    ].join('\n'),
  )
})
