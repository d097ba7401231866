import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { withValuesTable } from '../../scripts/chart/values-table.ts'
import { CHART } from './helm.ts'

const read = (file: string): Promise<string> => readFile(path.join(CHART, file), 'utf8')

interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: unknown
}

test("the table of values in the chart's README is what values.yaml says", async () => {
  const readme = await read('README.md')
  assert.equal(readme, withValuesTable(readme, await read('values.yaml')))
})

test('a value without a description is not overlooked', () => {
  const readme = '<!-- values: made by npm run generate:chart -->\n<!-- end of values -->\n'
  assert.throws(() => withValuesTable(readme, 'a:\n  # -- Described.\n  b: 1\n  c: 2\n'), /a\.c has no description/)
})

test('the chart has the version of the program', async () => {
  const { version } = JSON.parse(await readFile(path.join(CHART, '../../package.json'), 'utf8'))
  const chart = parse(await read('Chart.yaml'))
  assert.deepEqual([chart.version, chart.appVersion], [version, version])
  const [image] = parse(chart.annotations['artifacthub.io/images'])
  assert.equal(image.image, `${parse(await read('values.yaml')).image.repository}:${version}`)
})

test('the schema knows every value, and no other but those of a parent chart', async () => {
  const walk = (schema: Schema, values: unknown, at: string): void => {
    if (schema.properties === undefined) return
    assert.equal(schema.additionalProperties, false, `${at} takes anything`)
    const known = Object.keys(schema.properties).filter(name => at !== '' || !['global', 'enabled'].includes(name))
    const given = typeof values === 'object' && values !== null ? Object.keys(values) : []
    // Claims of resources have no default.
    assert.deepEqual(known.filter(name => `${at}.${name}` !== '.resources.claims').toSorted(), given.toSorted(), at)
    for (const [name, child] of Object.entries(schema.properties)) {
      walk(child, Reflect.get(Object(values), name), `${at}.${name}`)
    }
  }
  walk(JSON.parse(await read('values.schema.json')), parse(await read('values.yaml')), '')
})
