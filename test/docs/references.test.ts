import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { isMap, isScalar, parse, parseDocument } from 'yaml'
import { describeMetrics } from '../../scripts/docs/metrics-section.ts'
import { COMMANDS } from '../../src/cli/commands.ts'
import { flagsOf } from '../../src/cli/flags/read-flags.ts'
import { GLOBAL_FLAGS } from '../../src/cli/program.ts'
import { COALESCE_OUTCOMES, MISS_REASONS, PEER_FAILURES } from '../../src/observability/metrics.ts'
import { anchorsOf, codeSpansOf, GUIDES, linksOf, PAGES, type Page, parsePage, ROOT } from './markdown.ts'

/** Flags of other programs that pages speak of. */
const FLAGS_OF_OTHERS = new Set(['--embedded-registry', '--hosts-dir', '--raw'])
/** Stands for any flag. */
const ANY_FLAG = '--flag'

const METRICS = await describeMetrics()
const VALUES: unknown = parse(readFileSync(path.join(ROOT, 'charts/spegel/values.yaml'), 'utf8'))

function pageNamed(file: string): Page {
  const page = PAGES.find(page => page.file === file)
  assert.ok(page !== undefined, `there is no ${file}`)
  return page
}

test('every link to a file of the project leads to it, and to a heading that it has', () => {
  const broken = PAGES.flatMap(page =>
    linksOf(page)
      .filter(target => !/^https?:/.test(target))
      .filter(target => {
        const [name = '', anchor] = target.split('#')
        const file = name === '' ? page.file : path.join(path.dirname(page.file), name)
        if (!existsSync(path.join(ROOT, file))) return true
        if (anchor === undefined) return false
        return !anchorsOf(parsePage(file, readFileSync(path.join(ROOT, file), 'utf8'))).has(anchor)
      })
      .map(target => `${page.file}: ${target}`),
  )
  assert.deepEqual(broken, [])
})

test('every page below docs/ can be reached from its first one', () => {
  const linked = new Set(linksOf(pageNamed('docs/README.md')))
  const others = GUIDES.filter(({ file }) => file.startsWith('docs/') && file !== 'docs/README.md')
  assert.deepEqual(
    others.map(({ file }) => path.basename(file)).filter(name => !linked.has(name)),
    [],
  )
})

test('every flag that a page names exists', () => {
  const flags = new Set([GLOBAL_FLAGS, ...COMMANDS.map(({ table }) => table)].flatMap(flagsOf).map(({ name }) => name))
  const unknown = GUIDES.flatMap(page =>
    codeSpansOf(page)
      .filter(span => !/^(?:helm|kubectl|openssl) /.test(span))
      .flatMap(span => span.match(/(?<![\w-])--[a-z][a-z-]*/g) ?? [])
      .filter(flag => !flag.endsWith('-') && flag !== ANY_FLAG)
      .filter(flag => !FLAGS_OF_OTHERS.has(flag) && !flags.has(flag.slice(2)))
      .map(flag => `${page.file}: ${flag}`),
  )
  assert.deepEqual(unknown, [])
})

test('every value that a page names exists', () => {
  const top = Object.keys(Object(VALUES))
  const unknown = GUIDES.flatMap(page =>
    codeSpansOf(page)
      .map(span => /^([a-zA-Z]+(?:\.[a-zA-Z]+)+)(?=$|[:=])/.exec(span)?.[1] ?? '')
      .filter(name => top.includes(name.split('.')[0] ?? '') && !isValue(name.split('.'), VALUES))
      .map(name => `${page.file}: ${name}`),
  )
  assert.deepEqual(unknown, [])
})

/** Whether values.yaml has the path, or ends it in a map that takes anything. */
function isValue([first, ...rest]: readonly string[], values: unknown): boolean {
  if (first === undefined) return true
  if (typeof values !== 'object' || values === null) return false
  if (Object.keys(values).length === 0) return true
  return Object.hasOwn(values, first) && isValue(rest, Reflect.get(values, first))
}

test('values that a page shows are values of the chart', () => {
  const shown = GUIDES.flatMap(({ blocks }) => blocks.filter(({ use }) => use === 'values'))
  assert.ok(shown.length >= 5)
  for (const { at, text } of shown) {
    const { contents } = parseDocument(text)
    const walk = (node: unknown, names: readonly string[]): void => {
      assert.ok(isValue(names, VALUES), `${at}: ${names.join('.')}`)
      if (!isMap(node)) return
      for (const { key, value } of node.items) {
        if (isScalar(key)) walk(value, [...names, String(key.value)])
      }
    }
    walk(contents, [])
  }
})

test('every metric that a page names exists', () => {
  const names = new Set(METRICS.map(({ name }) => name))
  const unknown = GUIDES.flatMap(page =>
    [...page.text.matchAll(/\b(?:spegel_[a-z_]+|http_re[a-z_]+_[a-z_]+)\b/g)]
      .map(([name]) => name)
      .filter(name => !names.has(name.replace(/_(?:bucket|count|sum)$/, '')))
      .map(name => `${page.file}: ${name}`),
  )
  assert.deepEqual(unknown, [])
})

/** The first column of the table under a heading. */
function firstColumn({ text }: Page, heading: string): readonly string[] {
  const [, after = ''] = text.split(`\n## ${heading}\n`)
  const [section = ''] = after.split('\n## ')
  return [...section.matchAll(/^\| `(\w+)` \|/gm)].map(([, name = '']) => name)
}

for (const [heading, names] of [
  ['Misses', MISS_REASONS],
  ['Failures of peers', PEER_FAILURES],
  ['Cold bursts', COALESCE_OUTCOMES],
] as const) {
  test(`what labels mean is said of each under “${heading}”, and of no other`, () => {
    assert.deepEqual(firstColumn(pageNamed('docs/metrics.md'), heading).toSorted(), [...names].toSorted())
  })
}

test('every label of a metric is spoken of', () => {
  const { prose } = pageNamed('docs/metrics.md')
  const [, after = ''] = prose.split('<!-- end of metrics -->')
  const labels = new Set(METRICS.flatMap(({ labels }) => labels))
  assert.deepEqual(
    [...labels].filter(label => !after.includes(`\`${label}\``)),
    [],
  )
})
