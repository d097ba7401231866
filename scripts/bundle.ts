import { readFile } from 'node:fs/promises'
import { builtinModules } from 'node:module'
import path from 'node:path'
import { build, type Plugin } from 'esbuild'
import { bundlePage } from './page.ts'

const root = path.resolve(import.meta.dirname, '..')

/**
 * Loads Node's own modules by `require`. A static import of them would evaluate every export, lazy ones too (`node:http`
 * alone then loads all of undici, 12 MiB of resident memory), and would fail on a Node that lacks one of the names before
 * the file could say that this Node is too old.
 */
const builtinsByRequire: Plugin = {
  name: 'builtins-by-require',
  setup(build) {
    const names = new Set(builtinModules)
    build.onResolve({ filter: /^[a-z0-9:_/]+$/ }, ({ path: name, kind }) => {
      const isBuiltin = name.startsWith('node:') || names.has(name)
      return isBuiltin && kind !== 'require-call' ? { path: name, namespace: 'builtin' } : undefined
    })
    build.onLoad({ filter: /./, namespace: 'builtin' }, ({ path: name }) => ({
      contents: `module.exports = require(${JSON.stringify(name)})`,
    }))
  },
}

/** Leaves out what the program never uses of a dependency, and every node would hold in memory. */
const unusedParts: Plugin = {
  name: 'unused-parts',
  setup(build) {
    // Noise gets its primitives from `routing/libp2p/noise-crypto.ts`; the library's default would compile WebAssembly.
    build.onResolve({ filter: /^\.\/crypto\/index\.js$/ }, ({ importer }) =>
      importer.includes('/@libp2p/noise/')
        ? { path: path.join(path.dirname(importer), 'crypto/index.browser.js') }
        : undefined,
    )
    // Metrics are scraped, not pushed, and carry no exemplars of traces.
    build.onResolve({ filter: /^(?:\.\/lib\/pushgateway|@opentelemetry\/api)$/ }, ({ path: name }) => ({
      path: name,
      namespace: 'unused',
    }))
    build.onLoad({ filter: /./, namespace: 'unused' }, () => ({ contents: 'module.exports = {}' }))
    // A polyfill of what Node has: TLS makes its certificates with it.
    build.onResolve({ filter: /^@peculiar\/webcrypto$/ }, ({ path: name }) => ({ path: name, namespace: 'native' }))
    build.onLoad({ filter: /./, namespace: 'native' }, () => ({
      contents: 'export function Crypto() { return globalThis.crypto }',
    }))
  },
}

/** Gives the gRPC client headers that are no part of undici. */
const plainHeaders: Plugin = {
  name: 'plain-headers',
  setup(build) {
    const replacement = JSON.stringify(path.join(root, 'scripts/plain-headers.ts'))
    build.onLoad({ filter: /\/@connectrpc\/.*\.js$/ }, async ({ path: file }) => {
      const contents = await readFile(file, 'utf8')
      if (!/\bnew Headers\b/.test(contents)) return undefined
      return { contents: `import { PlainHeaders as Headers } from ${replacement}\n${contents}` }
    })
  },
}

/** What becomes one file. */
export interface Program {
  /** Its entry point, relative to the project. */
  readonly entry: string
  readonly outfile: string
}

/** Bundles a program that is made of this project's modules, as the one that ships is. */
export async function bundleProgram({ entry, outfile }: Program): Promise<void> {
  await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile,
    bundle: true,
    minify: true,
    sourcemap: 'linked',
    sourcesContent: false,
    platform: 'node',
    format: 'esm',
    // Older than what runs: Node 20 must be able to parse the file far enough to say that it is too old.
    target: 'node20',
    define: {
      __SPEGEL_VERSION__: JSON.stringify(await version()),
      __SPEGEL_PAGE__: JSON.stringify(await bundlePage()),
    },
    banner: {
      // Some dependencies are CommonJS and call `require` for Node's own modules.
      js: "#!/usr/bin/env node\nimport { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
    plugins: [builtinsByRequire, unusedParts, plainHeaders],
    logLevel: 'warning',
  })
}

async function version(): Promise<unknown> {
  const manifest: unknown = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8'))
  if (typeof manifest === 'object' && manifest !== null && 'version' in manifest) return manifest.version
  throw new Error('package.json has no version')
}
