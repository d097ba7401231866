/** Writes the table of values into the chart's README: `npm run generate:chart`. A test holds the two together. */
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { withValuesTable } from './chart/values-table.ts'

const chart = path.resolve(import.meta.dirname, '../charts/spegel')
const readme = path.join(chart, 'README.md')
const values = await readFile(path.join(chart, 'values.yaml'), 'utf8')
await writeFile(readme, withValuesTable(await readFile(readme, 'utf8'), values))
