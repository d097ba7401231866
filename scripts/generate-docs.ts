/** Writes what the documentation says of flags, metrics and values: `npm run generate:docs`. A test holds them together. */
import { writeFile } from 'node:fs/promises'
import { generatedPages } from './docs/generated-pages.ts'

const changed = (await generatedPages()).filter(({ current, wanted }) => current !== wanted)
await Promise.all(changed.map(({ file, wanted }) => writeFile(file, wanted)))
