import { readFileSync } from 'node:fs'

/** Name of a file → its content, gzipped, as base64. */
type PageFiles = Readonly<Record<string, string>>

/** Set by the bundler; the sources run without it. */
declare const __SPEGEL_PAGE__: PageFiles | undefined

/** Where the last build left the page, for those who run the sources. */
const BUILT = new URL('../../dist/page.json', import.meta.url)

/** The files of the page, gzipped; none where the sources run and nothing was built. */
export function pageFiles(): ReadonlyMap<string, Buffer> {
  const files = typeof __SPEGEL_PAGE__ === 'object' ? __SPEGEL_PAGE__ : readBuilt()
  return new Map(Object.entries(files).map(([name, content]) => [name, Buffer.from(content, 'base64')] as const))
}

function readBuilt(): PageFiles {
  try {
    const files: PageFiles = JSON.parse(readFileSync(BUILT, 'utf8'))
    return files
  } catch {
    return {}
  }
}
