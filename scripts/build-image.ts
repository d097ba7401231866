/**
 * Builds the container image into an OCI image layout: `npm run build:image [DIRECTORY]` (default `dist/image`). Needs
 * buildah and `npm run build` beforehand. `BASE=…` names another image to build on than the one made from npm's Node.js.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { buildImage } from './image/build.ts'

const into = path.resolve(process.argv[2] ?? 'dist/image')
const base = process.env['BASE']
const scratch = await mkdtemp(path.join(tmpdir(), 'spegel-image-'))
try {
  await rm(into, { recursive: true, force: true })
  await buildImage({ scratch, into, tag: 'latest', ...(base === undefined ? {} : { base }) })
} finally {
  await rm(scratch, { recursive: true, force: true })
}
