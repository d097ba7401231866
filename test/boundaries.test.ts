import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { FOLDERS, PACKAGES, violation } from '../lint/boundaries.mjs'

const ROOT = path.resolve(import.meta.dirname, '..')

const cases = [
  ['src/oci/a.ts', './b.ts', undefined],
  ['src/oci/a.ts', 'node:crypto', undefined],
  ['src/oci/a.ts', '../store/store.ts', 'src/oci may not import src/store (allowed: nothing internal)'],
  ['src/oci/a.ts', '../observability/log.ts', 'src/oci may not import src/observability (allowed: nothing internal)'],
  ['src/store/a.ts', '../oci/digest.ts', undefined],
  ['src/store/a.ts', './oci-layout/store.ts', 'src/store may not import src/store/oci-layout (allowed: oci)'],
  ['src/store/oci-layout/a.ts', '../store.ts', undefined],
  ['src/store/oci-layout/a.ts', '../../oci/digest.ts', undefined],
  ['src/store/oci-layout/deeper/a.ts', '../../store.ts', undefined],
  ['src/store/oci-layout/a.ts', '../containerd/client.ts', /may not import src\/store\/containerd/],
  ['src/registry/a.ts', '../mirror/mirror.ts', undefined],
  ['src/mirror/a.ts', '../coalesce/claim.ts', undefined],
  ['src/coalesce/a.ts', '../mirror/mirror.ts', /src\/coalesce may not import src\/mirror/],
  ['src/mirror/a.ts', '../registry/a.ts', /src\/mirror may not import src\/registry/],
  ['src/mirror/a.ts', '../store/oci-layout/store.ts', /src\/mirror may not import src\/store\/oci-layout/],
  ['src/web/a.ts', '../routing/libp2p/node.ts', /src\/web may not import src\/routing\/libp2p/],
  ['src/cli/registry/command.ts', '../../routing/libp2p/node.ts', undefined],
  ['src/main.ts', './cli/program.ts', undefined],
  ['src/main.ts', './oci/digest.ts', /may not import src\/oci/],
  ['src/newcomer/a.ts', '../oci/digest.ts', /may not import src\/oci/],
  ['src/oci/a.ts', '../newcomer/a.ts', /src\/oci may not import/],
  ['src/oci/a.ts', '../../bench/run.ts', 'src/oci may not import from outside src/'],
  ['src/oci/a.test.ts', '../../test/arbitraries/references.ts', undefined],
  ['src/oci/a.test.ts', '../store/store.ts', undefined],
  ['src/oci/a.test.ts', 'fast-check', undefined],
  ['src/oci/a.ts', 'fast-check', 'package fast-check has no folder; give it one in lint/boundaries.mjs'],
  ['src/routing/libp2p/a.ts', 'libp2p', undefined],
  ['src/routing/libp2p/a.ts', '@libp2p/tcp', undefined],
  ['src/routing/libp2p/a.ts', 'multiformats/cid', undefined],
  ['src/routing/a.ts', '@libp2p/interface', 'package @libp2p/interface belongs to src/routing/libp2p'],
  ['src/registry/a.ts', 'prom-client', 'package prom-client belongs to src/observability'],
  ['src/cli/a.ts', 'libp2p', 'package libp2p belongs to src/routing/libp2p'],
  ['src/observability/a.ts', 'pino/file', undefined],
  ['test/e2e/a.test.ts', '../../src/store/oci-layout/store.ts', undefined],
  ['scripts/build.ts', 'esbuild', undefined],
] as const

for (const [file, specifier, expected] of cases) {
  test(`${file} ${expected === undefined ? 'may' : 'may not'} import ${specifier}`, () => {
    const message = violation(path.join(ROOT, file), specifier)
    if (expected instanceof RegExp) assert.match(message ?? '', expected)
    else assert.equal(message, expected)
  })
}

test('no file under src imports what its folder may not', () => {
  const files = globSync('src/**/*.ts', { cwd: ROOT })
  const found = files.flatMap(file => {
    const source = readFileSync(path.join(ROOT, file), 'utf8')
    const specifiers = [...source.matchAll(/\b(?:from\s+|import\s*\(?\s*)'([\w@./:-]+)'/g)].map(
      ([, specifier = '']) => specifier,
    )
    return specifiers.flatMap(specifier => violation(path.join(ROOT, file), specifier)?.concat(` (${file})`) ?? [])
  })
  assert.ok(files.includes(path.join('src', 'oci', 'digest.ts')))
  assert.deepEqual(found, [])
})

test('every folder under src has a row, so that none gets its parent’s by accident', () => {
  const folders = globSync('src/*/', { cwd: ROOT }).map(folder => path.basename(folder))
  assert.ok(folders.includes('oci'))
  assert.deepEqual(
    folders.filter(folder => !(folder in FOLDERS)),
    [],
  )
})

/** The table under “folder | may import”: folder → what its row allows, in words. */
function tableOf(markdown: string): ReadonlyMap<string, string> {
  const rows = markdown.split('\n').map(line => /^\| (.+?) \| (.+) \|$/.exec(line))
  const start = rows.findIndex(row => row?.[1] === 'folder' && row[2] === 'may import')
  const table = new Map<string, string>()
  for (const row of start === -1 ? [] : rows.slice(start + 2)) {
    if (row === null) break
    for (const folder of codeSpans(row[1])) table.set(folder, row[2] ?? '')
  }
  return table
}

function codeSpans(text = ''): readonly string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, span = '']) => span)
}

/** The folders that the words of a row allow. */
function allowedBy(words: string, folder: string, table: ReadonlyMap<string, string>): readonly string[] {
  const folders = [...table.keys()]
  switch (words) {
    case 'everything':
      return ['*']
    case 'nothing internal':
      return []
    case 'all of the above':
      return folders.slice(0, folders.indexOf(folder))
    case 'interfaces of the others, never an adapter':
      return folders.filter(other => !other.includes('/') && !['certs-d', 'files', 'web', 'cli'].includes(other))
    default: {
      const [list, exception] = words.split(' (')
      const also = exception?.startsWith(`\`${folder}\` may use`) ? codeSpans(exception).slice(1) : []
      return [...codeSpans(list), ...also]
    }
  }
}

test('the table in ARCHITECTURE.md is the one that is enforced', () => {
  const table = tableOf(readFileSync(path.join(ROOT, 'ARCHITECTURE.md'), 'utf8'))
  const documented = [...table].map(([folder, words]) => [folder, allowedBy(words, folder, table).toSorted()] as const)
  const { '': main, ...enforced } = FOLDERS
  assert.deepEqual(main, ['cli'], 'main.ts starts the command line and knows nothing else')
  assert.deepEqual(
    Object.fromEntries(documented),
    Object.fromEntries(Object.entries(enforced).map(([folder, allowed]) => [folder, allowed.toSorted()])),
  )
})

test('every dependency that the program is built from has a folder', () => {
  const { dependencies } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'))
  const owned = Object.keys(dependencies).filter(name => name in PACKAGES || `${name.split('/')[0]}/*` in PACKAGES)
  assert.deepEqual(owned, Object.keys(dependencies))
})
