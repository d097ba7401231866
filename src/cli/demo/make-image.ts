import { createCipheriv, createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Descriptor } from '../../oci/descriptor.ts'
import { digestHex, digestOf } from '../../oci/digest.ts'
import { OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST } from '../../oci/media-type.ts'
import { tarArchive } from './tar.ts'

/** Name of the image that is made; `.example` is reserved, so no real registry can be meant. */
export const MADE_IMAGE_NAME = 'registry.example/demo/hello:1.0'

/** Sizes of the files in the three layers, 60 MB in all. */
const LAYER_FILE_BYTES = [8_000_000, 20_000_000, 32_000_000] as const

/**
 * Writes an OCI image layout with one image whose layers hold a file of noise each. The same name and sizes give the same
 * digests, other names other ones.
 * @param directory is created
 */
export async function makeImage(
  directory: string,
  fileBytes: readonly number[] = LAYER_FILE_BYTES,
  name: string = MADE_IMAGE_NAME,
): Promise<void> {
  const blobs = path.join(directory, 'blobs', 'sha256')
  await mkdir(blobs, { recursive: true })
  const write = async (content: Buffer, mediaType: string): Promise<Descriptor> => {
    const digest = digestOf(content)
    await writeFile(path.join(blobs, digestHex(digest)), content)
    return { mediaType, digest, size: content.length }
  }
  const writeJson = (value: object, mediaType: string) => write(Buffer.from(JSON.stringify(value)), mediaType)

  const layers: Descriptor[] = []
  for (const [index, size] of fileBytes.entries()) {
    const file = { name: `usr/share/demo/noise-${index + 1}`, content: noise(size, `${index} ${name}`) }
    layers.push(await write(tarArchive([file]), OCI_LAYER))
  }
  const config = await writeJson(
    {
      architecture: 'amd64',
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
    },
    OCI_CONFIG,
  )
  const manifest = await writeJson({ schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers }, OCI_MANIFEST)
  const named = { ...manifest, annotations: { 'io.containerd.image.name': name } }
  const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [named] }
  await writeFile(path.join(directory, 'index.json'), JSON.stringify(index))
  await writeFile(path.join(directory, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }))
}

/** Bytes that do not compress and are the same each time: the key stream of a cipher with a known key. */
function noise(size: number, seed: string): Buffer {
  const key = createHash('sha256').update(seed).digest().subarray(0, 16)
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(size))
}
