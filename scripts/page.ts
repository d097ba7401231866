import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { constants, gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const root = path.resolve(import.meta.dirname, '..')
const PAGE = 'src/web/page'

/** Bundles the page: name of each file → its content, gzipped, as base64. */
export async function bundlePage(): Promise<Readonly<Record<string, string>>> {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [`${PAGE}/page.tsx`, `${PAGE}/page.css`],
    outdir: 'page',
    bundle: true,
    write: false,
    minify: true,
    platform: 'browser',
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    tsconfig: path.join(root, PAGE, 'tsconfig.json'),
    legalComments: 'none',
    logLevel: 'warning',
  })
  const files = outputFiles.map(({ path: file, contents }) => [path.basename(file), contents] as const)
  const index = await readFile(path.join(root, PAGE, 'index.html'))
  return Object.fromEntries(
    [['index.html', index] as const, ...files].map(([name, content]) => [name, compressed(content)]),
  )
}

function compressed(content: Uint8Array): string {
  return gzipSync(content, { level: constants.Z_BEST_COMPRESSION }).toString('base64')
}

/** Builds the page for nodes that are run from the sources. */
export async function writePage(): Promise<void> {
  await mkdir(path.join(root, 'dist'), { recursive: true })
  await writeFile(path.join(root, 'dist/page.json'), JSON.stringify(await bundlePage()))
}
