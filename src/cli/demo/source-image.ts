import path from 'node:path'
import type { Descriptor } from '../../oci/descriptor.ts'
import { type Digest, matchesDigest } from '../../oci/digest.ts'
import { parseImageName } from '../../oci/image-name.ts'
import { type Manifest, parseManifest } from '../../oci/manifest.ts'
import { MAX_MANIFEST_BYTES } from '../../oci/media-type.ts'
import { formatPlatform, type Platform, selectPlatform } from '../../oci/platform.ts'
import { formatReference, type Reference } from '../../oci/reference.ts'
import { blobPath, openBlob, readInside } from '../../store/content-directory/content-files.ts'
import { INDEX_FILE, MAX_INDEX_BYTES, parseLayoutIndex } from '../../store/oci-layout/layout-index.ts'
import { DemoImageError } from './errors.ts'

/** What an image is called that its layout gives no full name. */
const NAMELESS = 'registry.example/demo/image:latest'

/** The image that the demo shares: an OCI image layout, and what is pulled from it. */
export interface SourceImage {
  readonly directory: string
  readonly name: string
  readonly reference: Reference
  readonly root: Descriptor
  /** Everything that a pull fetches, the root included, each digest once. */
  readonly content: readonly Descriptor[]
  /** Size of `content`. */
  readonly bytes: number
}

/**
 * Reads the first image of the layout in `directory`, and checks that all of it is there.
 * @throws {DemoImageError} where there is none, none for `platform`, or not all of it
 * @throws {LayoutError} where the directory can't be read
 */
export async function readSourceImage(directory: string, platform: Platform): Promise<SourceImage> {
  const index = await readInside(directory, INDEX_FILE, MAX_INDEX_BYTES)
  if (index === undefined) throw new DemoImageError(directory, `it has no ${INDEX_FILE}`)
  const [image] = parseLayoutIndex(index, path.join(directory, INDEX_FILE))
  if (image === undefined) throw new DemoImageError(directory, 'it lists no image')
  const reference = image.reference ?? parseImageName(NAMELESS)
  const content = new Map<Digest, Descriptor>()
  await collectContent(image.descriptor)
  const descriptors = [...content.values()]
  for (const descriptor of descriptors) await checkPresent(directory, descriptor)
  return {
    directory,
    name: formatReference(reference),
    reference,
    root: image.descriptor,
    content: descriptors,
    bytes: descriptors.reduce((sum, { size }) => sum + size, 0),
  }

  /** An index of indexes ends: each holds the digest of the next, so none can hold itself. */
  async function collectContent(descriptor: Descriptor): Promise<void> {
    content.set(descriptor.digest, descriptor)
    const manifest = await readManifest(directory, descriptor.digest)
    if (manifest.kind === 'image') {
      for (const child of [manifest.config, ...manifest.layers]) content.set(child.digest, child)
      return
    }
    const child = selectPlatform(manifest.manifests, platform)
    if (child === undefined) throw new DemoImageError(directory, `it has nothing for ${formatPlatform(platform)}`)
    await collectContent({ digest: child.digest, size: child.size, mediaType: child.mediaType })
  }
}

async function readManifest(directory: string, digest: Digest): Promise<Manifest> {
  const content = await readInside(directory, blobPath(digest), MAX_MANIFEST_BYTES)
  if (content === undefined) throw new DemoImageError(directory, `${digest} is missing`)
  if (!matchesDigest(content, digest)) throw new DemoImageError(directory, `${digest} is damaged`)
  try {
    return parseManifest(content)
  } catch (cause) {
    throw new DemoImageError(directory, `${digest} is no manifest`, { cause })
  }
}

/** Whether content is what its digest says is found out by the pull. */
async function checkPresent(directory: string, { digest, size }: Descriptor): Promise<void> {
  const opened = await openBlob(directory, digest)
  if (opened === undefined) throw new DemoImageError(directory, `${digest} is missing`)
  await opened.handle.close()
  if (opened.stat.size === size) return
  throw new DemoImageError(directory, `${digest} has ${opened.stat.size} bytes instead of ${size}`)
}
