/**
 * Bundles `src/main.ts` and the page into the one file that ships: `dist/spegel.js`. The types are checked by `tsc` beforehand.
 * Whoever runs the sources gets the page from `dist/page.json`.
 */
import { chmod } from 'node:fs/promises'
import path from 'node:path'
import { bundleProgram } from './bundle.ts'
import { writePage } from './page.ts'

const outfile = path.resolve(import.meta.dirname, '../dist/spegel.js')
await bundleProgram({ entry: 'src/main.ts', outfile })
await chmod(outfile, 0o755)
await writePage()
