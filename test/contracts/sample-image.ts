import { digestOf } from '../../src/oci/digest.ts'
import type { TagReference } from '../../src/oci/reference.ts'

interface Part {
  readonly content: Buffer
  readonly mediaType: string
}

/** An image as its parts, to be put into a store in any order. */
export interface SampleImage {
  readonly config: Part
  readonly layers: readonly Part[]
  readonly manifest: Part
  /** Refers to the manifest, for linux/amd64. */
  readonly index: Part
}

/** A name for a {@link sampleImage}. */
export const sampleTag: TagReference = {
  kind: 'tag',
  registry: 'registry.example:5000',
  repository: 'library/sample',
  tag: 'v1',
}

function descriptor(part: Part): object {
  return { mediaType: part.mediaType, digest: digestOf(part.content), size: part.content.length }
}

function json(mediaType: string, fields: object): Part {
  return { mediaType, content: Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, ...fields })) }
}

/** A small image; another `seed` gives other content. */
export function sampleImage(seed = 'sample', layerBytes: readonly number[] = [10_000, 20_000]): SampleImage {
  return imageOf(
    layerBytes.map((size, position) => Buffer.alloc(size, `${seed}, layer ${position}. `)),
    seed,
  )
}

/** An image with `layers`; another `seed` gives another config. */
export function imageOf(layers: readonly Buffer[], seed = ''): SampleImage {
  const config: Part = {
    mediaType: 'application/vnd.oci.image.config.v1+json',
    content: Buffer.from(JSON.stringify({ os: 'linux', architecture: 'amd64', seed })),
  }
  const mediaType = 'application/vnd.oci.image.layer.v1.tar+gzip'
  const parts = layers.map((content): Part => ({ mediaType, content }))
  const manifest = json('application/vnd.oci.image.manifest.v1+json', {
    config: descriptor(config),
    layers: parts.map(descriptor),
  })
  const index = json('application/vnd.oci.image.index.v1+json', {
    manifests: [{ ...descriptor(manifest), platform: { os: 'linux', architecture: 'amd64' } }],
  })
  return { config, layers: parts, manifest, index }
}
