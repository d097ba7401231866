import assert from 'node:assert/strict'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, test } from 'node:test'
import { CHART, helm, unlessHelm } from './helm.ts'
import { renderText, VALUE_SETS, VALUES } from './render.ts'

const GOLDEN = path.join(import.meta.dirname, 'golden')
/** Write what is rendered instead of comparing it; the difference is for a person to read. */
const UPDATE = process.env['UPDATE_GOLDEN'] === '1'

/** The dashboard is a file of its own, and the secret is another each time. */
function comparable(rendered: string): string {
  return rendered
    .replace(/( {2}(?:spegel\.)?json: \|-\n)(?: {4}.*\n)+/g, '$1    {}\n')
    .replace(/^( {2}secret: )"[A-Za-z0-9+/]{86}=="$/gm, '$1"RANDOM"')
}

describe('the chart', { skip: unlessHelm }, () => {
  for (const set of VALUE_SETS) {
    test(`passes helm's strict lint with the values ${set}`, async () => {
      const result = await helm(['lint', '--strict', CHART, '--values', path.join(VALUES, `${set}.yaml`)])
      assert.ok(result.ok, result.stderr)
    })

    test(`renders as before with the values ${set}`, async () => {
      const file = path.join(GOLDEN, `${set}.yaml`)
      const rendered = comparable(await renderText(set))
      if (UPDATE) await writeFile(file, rendered)
      assert.equal(rendered, await readFile(file, 'utf8'))
    })
  }

  test('has no rendering left of values that are gone', async () => {
    assert.deepEqual(
      (await readdir(GOLDEN)).toSorted(),
      VALUE_SETS.map(set => `${set}.yaml`),
    )
  })
})
