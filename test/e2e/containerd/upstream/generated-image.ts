import { randomFillSync } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { type Digest, digestOf } from '../../../../src/oci/digest.ts'
import { OCI_CONFIG, OCI_INDEX, OCI_LAYER_GZIP, OCI_MANIFEST } from '../../../../src/oci/media-type.ts'

const TAR_BLOCK_BYTES = 512
const OTHER_LAYER_BYTES = 1024

export interface Part {
  readonly content: Buffer
  readonly digest: Digest
  readonly mediaType: string
}

export interface ImageShape {
  /** Content of each layer, in bytes. */
  readonly layers: readonly number[]
  /** Wrap it into an index beside an image for another platform. */
  readonly index: boolean
}

/** An image that containerd can unpack, of random content. */
export interface GeneratedImage {
  /** What its name is to point at. */
  readonly top: Part
  /** Everything that a node of this platform gets, {@link top} included. */
  readonly parts: readonly Part[]
  /** What only nodes of another platform get. */
  readonly otherParts: readonly Part[]
}

export function generateImage({ layers, index }: ImageShape): GeneratedImage {
  const own = platformImage('amd64', layers)
  if (!index) return { top: own.manifest, parts: own.parts, otherParts: [] }
  const other = platformImage('arm64', [OTHER_LAYER_BYTES])
  const top = json(OCI_INDEX, {
    schemaVersion: 2,
    mediaType: OCI_INDEX,
    manifests: [own, other].map(({ manifest, platform }) => Object.assign(descriptor(manifest), { platform })),
  })
  return { top, parts: [top, ...own.parts], otherParts: other.parts }
}

function platformImage(architecture: string, sizes: readonly number[]) {
  const tars = sizes.map(tarOf)
  // Stored, not compressed: random content does not get smaller, and trying costs seconds.
  const layers = tars.map(tar => part(OCI_LAYER_GZIP, gzipSync(tar, { level: 0 })))
  const platform = { os: 'linux', architecture }
  const config = json(OCI_CONFIG, {
    ...platform,
    config: {},
    rootfs: { type: 'layers', diff_ids: tars.map(tar => digestOf(tar)) },
  })
  const manifest = json(OCI_MANIFEST, {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: descriptor(config),
    layers: layers.map(descriptor),
  })
  return { platform, manifest, parts: [manifest, config, ...layers] }
}

function part(mediaType: string, content: Buffer): Part {
  return { mediaType, content, digest: digestOf(content) }
}

function json(mediaType: string, fields: object): Part {
  return part(mediaType, Buffer.from(JSON.stringify(fields)))
}

function descriptor({ mediaType, digest, content }: Part): object {
  return { mediaType, digest, size: content.length }
}

/** A tar archive of one file with `size` random bytes. */
function tarOf(size: number, position: number): Buffer {
  const padded = Math.ceil(size / TAR_BLOCK_BYTES) * TAR_BLOCK_BYTES
  const tar = Buffer.alloc(TAR_BLOCK_BYTES + padded + 2 * TAR_BLOCK_BYTES)
  tar.write(`layer-${position}`, 0)
  tar.write(`0000644\0${octal(0, 7)}\0${octal(0, 7)}\0${octal(size, 11)}\0${octal(0, 11)}\0        0`, 100)
  tar.write('ustar\x0000', 257)
  const checksum = tar.subarray(0, TAR_BLOCK_BYTES).reduce((sum, byte) => sum + byte, 0)
  tar.write(`${octal(checksum, 6)}\0 `, 148)
  randomFillSync(tar, TAR_BLOCK_BYTES, size)
  return tar
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0')
}
