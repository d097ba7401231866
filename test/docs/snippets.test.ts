import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parse as parseToml } from 'smol-toml'
import { parseAllDocuments } from 'yaml'
import { COMMANDS } from '../../src/cli/commands.ts'
import { collectTable, flagsOf, readFlags } from '../../src/cli/flags/read-flags.ts'
import { GLOBAL_FLAGS } from '../../src/cli/program.ts'
import { type CodeBlock, commandLines, GUIDES, PAGES } from './markdown.ts'

const blocks = (language: string, pages = GUIDES): readonly CodeBlock[] =>
  pages.flatMap(page => page.blocks.filter(block => block.language === language))

/** Takes a command line as the program does, short of running it. */
function prepare([name, ...args]: readonly string[]): void {
  const command = COMMANDS.find(command => command.name === name)
  assert.ok(command !== undefined, `there is no command ${name}`)
  const collected = collectTable(args, { ...command.table, ...GLOBAL_FLAGS })
  if (collected.flags.has('help')) return
  readFlags(GLOBAL_FLAGS, { ...collected, positionals: [] }, {})
  command.prepare(collected, {})
}

describe('a command line in a page is one that the program takes', () => {
  const lines = blocks('sh').flatMap(({ at, text }) => commandLines(text, 'spegel').map(words => ({ at, words })))
  assert.ok(lines.length >= 5)
  for (const { at, words } of lines) test(`${at}: ${words.join(' ')}`, () => prepare(words.slice(1)))
})

describe('a unit in a page starts what the program takes', () => {
  const lines = blocks('ini').flatMap(({ at, text }) =>
    [...text.matchAll(/^Exec\w+=\S+ .*?spegel\.js (.+)$/gm)].map(([, args = '']) => ({ at, args })),
  )
  assert.equal(lines.length, 2)
  for (const { at, args } of lines) test(`${at}: spegel ${args}`, () => prepare(args.split(' ')))
  test('and names only variables that flags have', () => {
    const known = new Set(COMMANDS.flatMap(({ table }) => flagsOf(table)).flatMap(({ env }) => env ?? []))
    const units = blocks('ini')
      .map(({ text }) => text)
      .join('\n')
    const named = [...units.matchAll(/^Environment=(SPEGEL_\w+)=/gm)].map(([, name = '']) => name)
    assert.ok(named.length > 0)
    assert.deepEqual(
      named.filter(name => !known.has(name)),
      [],
    )
  })
})

test('npm scripts that a page calls exist', async () => {
  const { default: manifest } = await import('../../package.json', { with: { type: 'json' } })
  const scripts = new Set(Object.keys(manifest.scripts))
  const called = blocks('sh', PAGES).flatMap(({ at, text }) =>
    [...text.matchAll(/\bnpm (?:run ([\w:-]+)|(start|test))/g)].map(([, run, own]) => ({ at, name: run ?? own ?? '' })),
  )
  assert.ok(called.length >= 5)
  for (const { at, name } of called) assert.ok(scripts.has(name), `${at}: npm run ${name}`)
})

for (const { at, text } of blocks('toml')) {
  test(`${at} is TOML`, () => assert.ok(Object.keys(parseToml(text)).length > 0))
}

for (const { at, text } of blocks('yaml')) {
  test(`${at} is YAML, and what it holds of TOML is that`, () => {
    for (const { errors, contents } of parseAllDocuments(text)) {
      assert.deepEqual(errors, [])
      const value: unknown = contents?.toJSON()
      for (const [, toml] of embeddedToml(value)) assert.ok(Object.keys(parseToml(toml)).length > 0)
    }
  })
}

/** Texts of several lines that start with a table of containerd's plugins. */
function embeddedToml(value: unknown, at = ''): readonly (readonly [string, string])[] {
  if (typeof value === 'string') return /^\s*\[plugins\./.test(value) ? [[at, value]] : []
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, child]) => embeddedToml(child, `${at}.${key}`))
}
