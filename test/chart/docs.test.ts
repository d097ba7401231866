import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, test } from 'node:test'
import { commandLines, GUIDES, ROOT } from '../docs/markdown.ts'
import { temporaryDirectory } from '../temporary-directory.ts'
import { CHART, helm, unlessHelm } from './helm.ts'

/** Of helm's own, and of no meaning without a cluster. */
const INSTALLS = new Set(['upgrade', 'install', '--install', '--create-namespace'])

/** The rendering that stands for an installation from a checkout; undefined for other commands. */
function templateOf([, ...args]: readonly string[]): readonly string[] | undefined {
  if (args[0] !== 'upgrade' && args[0] !== 'install') return undefined
  const rest = args.filter(arg => !INSTALLS.has(arg))
  return ['template', ...rest.map(arg => (arg === path.relative(ROOT, CHART) ? CHART : arg))]
}

/** A rendering without the secret, which is another one each time. */
function lasting(rendering = ''): string {
  return rendering.replaceAll(/^ {2}secret: .*$/gm, '')
}

describe('what the documentation has helm do', { skip: unlessHelm }, () => {
  const lines = GUIDES.flatMap(({ blocks }) =>
    blocks
      .filter(({ language }) => language === 'sh')
      .flatMap(({ at, text }) => commandLines(text, 'helm').map(words => ({ at, words }))),
  )
  assert.ok(lines.length >= 4)
  for (const { at, words } of lines) {
    const args = templateOf(words)
    test(`${at}: ${words.join(' ')}`, { skip: args === undefined && 'it needs a cluster' }, async () => {
      const { ok, stderr, stdout } = await helm(args ?? [])
      assert.ok(ok, stderr)
      assert.match(stdout, /^kind: DaemonSet$/m)
    })
  }

  for (const { at, text } of GUIDES.flatMap(({ blocks }) => blocks.filter(({ use }) => use === 'values'))) {
    test(`${at}: values that the chart takes`, async () => {
      await using directory = await temporaryDirectory()
      const file = path.join(directory.path, 'values.yaml')
      await writeFile(file, text)
      const [given, bare] = await Promise.all(
        [['--values', file], []].map(async values => await helm(['template', 'spegel', CHART, ...values])),
      )
      assert.ok(given?.ok, given?.stderr)
      assert.notEqual(lasting(given?.stdout), lasting(bare?.stdout), 'they change nothing')
    })
  }
})
