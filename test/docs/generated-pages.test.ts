import assert from 'node:assert/strict'
import path from 'node:path'
import { test } from 'node:test'
import { generatedPages } from '../../scripts/docs/generated-pages.ts'
import { describeMetrics } from '../../scripts/docs/metrics-section.ts'
import { markdownTable, withSection } from '../../scripts/docs/section.ts'
import { COMMANDS } from '../../src/cli/commands.ts'
import { flagsOf } from '../../src/cli/flags/read-flags.ts'
import { GUIDES } from './markdown.ts'

for (const { file, current, wanted } of await generatedPages()) {
  test(`${path.basename(file)} is what npm run generate:docs makes of the code`, () => assert.equal(current, wanted))
}

function textOf(file: string): string {
  return GUIDES.find(page => page.file === file)?.text ?? ''
}

test('every flag of every command has a row', () => {
  const text = textOf('docs/flags.md')
  for (const { name, table } of COMMANDS) {
    const [, after = ''] = text.split(`\n## spegel ${name}\n`)
    const [section = ''] = after.split('\n## ')
    const rows = new Set([...section.matchAll(/^\| `(?:--)?<?([a-z-]+)/gm)].map(([, flag]) => flag))
    assert.deepEqual(rows, new Set(flagsOf(table).map(flag => flag.name)), name)
  }
})

test('every metric of the program has a row with its type', async () => {
  const metrics = await describeMetrics()
  assert.ok(metrics.length >= 16)
  const text = textOf('docs/metrics.md')
  for (const { name, type } of metrics) {
    assert.match(type, /^(?:counter|gauge|histogram)$/, name)
    assert.ok(text.includes(`\n| \`${name}\` | ${type} |`), name)
  }
})

test('a section is put between its markers, and missed where they are gone', () => {
  const page = 'a\n<!-- x: made by npm run generate:docs -->\nold\n<!-- end of x -->\nb\n'
  const made = withSection(page, { name: 'x', content: 'new' })
  assert.equal(made, 'a\n<!-- x: made by npm run generate:docs -->\n\nnew\n\n<!-- end of x -->\nb\n')
  assert.equal(withSection(made, { name: 'x', content: 'new' }), made)
  assert.throws(() => withSection(page, { name: 'y', content: 'new' }), /the markers of y are gone/)
})

test('a bar in a cell does not end it', () => {
  assert.equal(markdownTable(['a'], [['b|c']]), '| a |\n| --- |\n| b\\|c |')
})
