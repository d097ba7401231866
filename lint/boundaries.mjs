/**
 * The import table of ARCHITECTURE.md as an oxlint rule: which folder under src/ may import which, and which
 * third-party packages belong to which folder. Static imports, re-exports, type imports and `import()` all count.
 */
import path from 'node:path'

const SRC = path.resolve(import.meta.dirname, '..', 'src')

/**
 * Folder → folders it may import besides itself; `*` is everything. A nested folder (an adapter) has its own row. The
 * most specific row wins.
 * @type {Record<string, readonly string[]>}
 */
export const FOLDERS = {
  oci: [],
  observability: [],
  files: [],
  store: ['oci'],
  'store/content-directory': ['oci', 'store', 'observability'],
  'store/containerd': ['oci', 'store', 'store/content-directory', 'files', 'observability'],
  'store/oci-layout': ['oci', 'store', 'store/content-directory', 'files', 'observability'],
  'certs-d': ['oci', 'files', 'observability'],
  routing: ['oci', 'store', 'observability'],
  'routing/libp2p': ['oci', 'routing', 'http', 'files', 'observability'],
  http: ['oci', 'observability'],
  coalesce: ['oci', 'store', 'routing', 'http', 'observability'],
  mirror: ['oci', 'store', 'routing', 'http', 'observability', 'coalesce'],
  registry: ['oci', 'store', 'routing', 'http', 'observability', 'coalesce', 'mirror'],
  web: ['oci', 'store', 'routing', 'http', 'observability', 'coalesce', 'mirror', 'registry'],
  cli: ['*'],
  '': ['cli'],
}

/**
 * Third-party package (a trailing `/*` covers a scope) → the only folders that may import it.
 * @type {Record<string, readonly string[]>}
 */
export const PACKAGES = {
  libp2p: ['routing/libp2p'],
  '@libp2p/*': ['routing/libp2p'],
  '@multiformats/*': ['routing/libp2p'],
  multiformats: ['routing/libp2p'],
  '@noble/ciphers': ['routing/libp2p'],
  '@connectrpc/*': ['store/containerd'],
  '@bufbuild/protobuf': ['store/containerd'],
  'smol-toml': ['certs-d', 'cli'],
  'prom-client': ['observability'],
  pino: ['observability'],
  preact: ['web'],
  uplot: ['web'],
}

/** @param {string} file an absolute path under src/ */
function folderOf(file) {
  let folder = path.dirname(path.relative(SRC, file))
  if (folder === '.') folder = ''
  while (!(folder in FOLDERS)) {
    if (folder === '' || folder === '.') return ''
    folder = path.dirname(folder) === '.' ? '' : path.dirname(folder)
  }
  return folder
}

/** @param {string} specifier */
function packageOf(specifier) {
  const [first = '', second = ''] = specifier.split('/')
  return first.startsWith('@') ? `${first}/${second}` : first
}

/**
 * Why `specifier` may not be imported by `file`, or undefined where it may.
 * @param {string} file absolute
 * @param {string} specifier as written
 */
export function violation(file, specifier) {
  if (path.relative(SRC, file).startsWith('..') || specifier.startsWith('node:')) return undefined
  const from = folderOf(file)
  const isTest = file.endsWith('.test.ts')
  if (specifier.startsWith('.')) {
    const target = path.resolve(path.dirname(file), specifier)
    if (path.relative(SRC, target).startsWith('..')) {
      return isTest ? undefined : `src/${from} may not import from outside src/`
    }
    const to = folderOf(target)
    const allowed = FOLDERS[from] ?? []
    if (to === from || isTest || allowed.includes('*') || allowed.includes(to)) return undefined
    return `src/${from} may not import src/${to} (allowed: ${allowed.join(', ') || 'nothing internal'})`
  }
  const name = packageOf(specifier)
  if (isTest) return undefined
  const owners = PACKAGES[name] ?? PACKAGES[`${name.split('/')[0]}/*`]
  if (owners === undefined) return `package ${name} has no folder; give it one in lint/boundaries.mjs`
  return owners.includes(from) ? undefined : `package ${name} belongs to src/${owners.join(', src/')}`
}

const imports = {
  meta: { type: 'problem', schema: [] },
  create(context) {
    const check = node => {
      if (typeof node.source?.value !== 'string') return
      const message = violation(context.filename, node.source.value)
      if (message !== undefined) context.report({ node: node.source, message })
    }
    return {
      ImportDeclaration: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
      ImportExpression: check,
      TSImportType: check,
    }
  },
}

export default { meta: { name: 'boundaries' }, rules: { imports } }
