import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anchorsOf, codeSpansOf, commandLines, linksOf, PAGES, parsePage } from './markdown.ts'

const SAMPLE = parsePage(
  'sample.md',
  [
    '# What a `spegel` does: A & B',
    '',
    'See [it](other.md#there), not `--this`.',
    '',
    '1. Values:',
    '',
    '   ```yaml values',
    '   a:',
    '     b: "`no span`"',
    '   ```',
    '',
  ].join('\n'),
)

test('a page is taken apart into blocks, anchors, links and code spans', () => {
  assert.deepEqual(SAMPLE.blocks, [
    { at: 'sample.md:7', language: 'yaml', use: 'values', text: 'a:\n  b: "`no span`"\n' },
  ])
  assert.deepEqual([...anchorsOf(SAMPLE)], ['what-a-spegel-does-a--b'])
  assert.deepEqual(linksOf(SAMPLE), ['other.md#there'])
  assert.deepEqual(codeSpansOf(SAMPLE), ['spegel', '--this'])
})

test('a command line ends where the shell would go on with something else', () => {
  const text = "spegel a --b 'c d' \\\n  e   # why\nother spegel x\nspegel f | grep g\nspegel h &\n"
  assert.deepEqual(commandLines(text, 'spegel'), [
    ['spegel', 'a', '--b', 'c d', 'e'],
    ['spegel', 'f'],
    ['spegel', 'h'],
  ])
})

test('no fence of a page is left open, and none is of an unknown kind', () => {
  const kinds = new Set(PAGES.flatMap(({ blocks }) => blocks.map(({ language }) => language)))
  assert.deepEqual([...kinds].toSorted(), ['', 'ini', 'sh', 'toml', 'ts', 'yaml'])
  for (const { file, prose } of PAGES) assert.doesNotMatch(prose, /```/, file)
})
