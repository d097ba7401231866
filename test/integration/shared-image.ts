import { randomFillSync } from 'node:crypto'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import type { TagReference } from '../../src/oci/reference.ts'
import { LayoutHand } from '../contracts/layout-hand.ts'
import { imageOf } from '../contracts/sample-image.ts'

const BLOCK_BYTES = 1024 * 1024

/** An image that nodes hold and others want, and what a test needs to know of it. */
export interface SharedImage {
  readonly reference: TagReference
  readonly manifest: { readonly digest: Digest; readonly content: Buffer }
  readonly layer: { readonly digest: Digest; readonly size: number }
}

/** Random content whose blocks all differ, so that a misplaced one is noticed. */
function layerOf(size: number): Buffer {
  const block = randomFillSync(Buffer.alloc(BLOCK_BYTES))
  const layer = Buffer.alloc(size, block)
  for (let position = 0; position + 8 <= size; position += BLOCK_BYTES)
    layer.writeBigUInt64BE(BigInt(position), position)
  return layer
}

/** Writes one image with a single layer of `layerBytes` into each of `roots`, the same into all. */
export async function writeSharedImage(roots: readonly string[], layerBytes: number): Promise<SharedImage> {
  const reference: TagReference = { kind: 'tag', registry: 'registry.example', repository: 'team/app', tag: '1.0' }
  const layer = layerOf(layerBytes)
  const { config, manifest } = imageOf([layer])
  const digest = digestOf(manifest.content)
  for (const root of roots) {
    const hand = await LayoutHand.open(root)
    for (const content of [layer, config.content, manifest.content]) await hand.put(content)
    await hand.tag(reference, digest)
  }
  return {
    reference,
    manifest: { digest, content: manifest.content },
    layer: { digest: digestOf(layer), size: layerBytes },
  }
}
