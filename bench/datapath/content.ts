import { randomFillSync } from 'node:crypto'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { type Digest, digestHex, digestOf } from '../../src/oci/digest.ts'
import { LayoutHand } from '../../test/contracts/layout-hand.ts'
import { imageOf } from '../../test/contracts/sample-image.ts'

const LAYER_BYTES = 256 * 1024 * 1024
/** Layers that make the manifest about as long as those in use. */
const SMALL_LAYERS = 12
const REGISTRY = 'registry.example'
const REPOSITORY = 'bench/image'
/** The others pay no heed to it. */
const QUERY = `?ns=${REGISTRY}`

/** An image on disk, laid out for each of the servers. All have the same files under the same targets. */
export interface Content {
  /** Root of an image layout. */
  readonly layout: string
  /** Root of a static web server. */
  readonly site: string
  /** Storage of a docker-registry. */
  readonly storage: string
  readonly layer: { readonly digest: Digest; readonly file: string; readonly target: string }
  readonly manifest: { readonly size: number; readonly target: string }
}

/** Makes an image in `directory`. */
export async function makeContent(directory: string): Promise<Content> {
  const [layout, site, storage] = ['layout', 'site', 'storage'].map(name => path.join(directory, name))
  if (layout === undefined || site === undefined || storage === undefined) throw new Error('unreachable')
  const large = randomFillSync(Buffer.alloc(LAYER_BYTES))
  const small = Array.from({ length: SMALL_LAYERS }, (_, index) => Buffer.from(`layer ${index}`))
  const image = imageOf([large, ...small])
  const hand = await LayoutHand.open(layout)
  for (const { content } of [image.config, ...image.layers, image.manifest]) await hand.put(content)
  const digest = digestOf(image.manifest.content)
  await hand.tag({ kind: 'tag', registry: REGISTRY, repository: REPOSITORY, tag: 'v1' }, digest)

  const layerDigest = digestOf(large)
  const targets = { layer: targetOf('blobs', layerDigest), manifest: targetOf('manifests', digest) }
  await link(hand.blob(layerDigest), path.join(site, targets.layer))
  await link(hand.blob(digest), path.join(site, targets.manifest))
  for (const one of [layerDigest, digest]) await link(hand.blob(one), path.join(storage, blobData(one)))
  await name(path.join(storage, repositoryPath(`_layers/sha256/${digestHex(layerDigest)}`)), layerDigest)
  await name(path.join(storage, repositoryPath(`_manifests/revisions/sha256/${digestHex(digest)}`)), digest)
  return {
    layout,
    site,
    storage,
    layer: { digest: layerDigest, file: hand.blob(layerDigest), target: targets.layer + QUERY },
    manifest: { size: image.manifest.content.length, target: targets.manifest + QUERY },
  }
}

/** The path of content, as peers and clients ask for it. */
function targetOf(kind: 'blobs' | 'manifests', digest: Digest): string {
  return `/v2/${REPOSITORY}/${kind}/${digest}`
}

function blobData(digest: Digest): string {
  const hex = digestHex(digest)
  return `docker/registry/v2/blobs/sha256/${hex.slice(0, 2)}/${hex}/data`
}

function repositoryPath(rest: string): string {
  return `docker/registry/v2/repositories/${REPOSITORY}/${rest}`
}

async function link(target: string, file: string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true })
  await symlink(target, file)
}

/** Names content in the storage of a docker-registry. */
async function name(directory: string, digest: Digest): Promise<void> {
  await mkdir(directory, { recursive: true })
  await writeFile(path.join(directory, 'link'), digest)
}
