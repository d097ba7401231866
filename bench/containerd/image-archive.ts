import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { digestHex } from '../../src/oci/digest.ts'
import { generateImage } from '../../test/e2e/containerd/upstream/generated-image.ts'
import { run } from '../../test/e2e/program.ts'

const LAYER_BYTES = 1000
/** A manifest and a config. */
const PARTS_BESIDE_LAYERS = 2

/**
 * Writes an archive, as `ctr images import` takes it, of images that share nothing.
 * @param blobsEach pieces of content of each image
 * @returns its path
 */
export async function writeImageArchive(directory: string, images: number, blobsEach: number): Promise<string> {
  const root = path.join(directory, 'layout')
  const blobs = path.join(root, 'blobs/sha256')
  await mkdir(blobs, { recursive: true })
  const layers = Array.from({ length: blobsEach - PARTS_BESIDE_LAYERS }, () => LAYER_BYTES)
  const manifests = []
  for (let number = 0; number < images; number++) {
    const { top, parts } = generateImage({ layers, index: false })
    for (const { digest, content } of parts) await writeFile(path.join(blobs, digestHex(digest)), content)
    const annotations = { 'io.containerd.image.name': `registry.test/team/app-${number}:v1` }
    manifests.push({ mediaType: top.mediaType, digest: top.digest, size: top.content.length, annotations })
  }
  await writeFile(path.join(root, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  await writeFile(path.join(root, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }))
  const archive = `${root}.tar`
  await run('tar', ['-C', root, '-cf', archive, '.'])
  return archive
}
