import { scheduler } from 'node:timers/promises'
import type { Digest } from '../oci/digest.ts'
import { childDigests, type Manifest } from '../oci/manifest.ts'
import type { Reference } from '../oci/reference.ts'
import type { TellEntry } from './entry-tracker.ts'

/** A manifest or index that a store keeps for its own sake, and its name if it has a full one. */
export interface RootImage {
  readonly digest: Digest
  readonly reference?: Reference
}

/** All committed content of a store; a set, or a map by digest. */
interface HeldContent {
  has(digest: Digest): boolean
  keys(): Iterable<Digest>
}

/** What is known of a store before its images are walked. */
export interface StoreInventory {
  readonly images: readonly RootImage[]
  readonly held: HeldContent
  /** Reads a manifest that is held; undefined where the content is none. */
  readManifest(digest: Digest): Promise<Manifest | undefined>
}

/** Deepest nesting of indexes that is followed; in use are two levels. */
const MAX_DEPTH = 4

/** How many steps are taken before others get a turn on the event loop. */
const STEPS_PER_TURN = 4096

/**
 * Tells everything a store can serve: images whose manifest is held, what they refer to and is held, and the rest of the
 * content. Content of several images is told under the registry of each, first that of the first; and what belongs to an
 * image is told again as content of no registry at the end.
 */
export async function walkImages(inventory: StoreInventory, tell: TellEntry): Promise<void> {
  const { held } = inventory
  const images = inventory.images.filter(image => held.has(image.digest))
  let steps = 0
  const step = async (count = 1): Promise<void> => {
    steps += count
    if (steps < STEPS_PER_TURN) return
    steps = 0
    await scheduler.yield()
  }

  for (const { reference, digest } of images) {
    if (reference === undefined) continue
    if (reference.kind === 'tag') tell({ kind: 'tag', reference, digest })
    tell({ kind: 'image', registry: reference.registry, digest })
  }

  // Content need not match its digest, so an index can contain itself.
  const walked = new Set<Digest>()
  const walk = async (digest: Digest, registry: string, depth = 0): Promise<void> => {
    if (walked.has(digest) || !held.has(digest)) return
    walked.add(digest)
    const manifest = await inventory.readManifest(digest)
    if (manifest === undefined) return
    const children = childDigests(manifest)
    for (const child of children) if (held.has(child)) tell({ kind: 'content', registry, digest: child })
    await step(children.length)
    if (manifest.kind === 'image' || depth === MAX_DEPTH) return
    for (const child of children) await walk(child, registry, depth + 1)
  }
  for (const { reference, digest } of images) if (reference !== undefined) await walk(digest, reference.registry)
  for (const { digest } of images) await walk(digest, '')

  for (const digest of held.keys()) {
    tell({ kind: 'content', registry: '', digest })
    await step()
  }
}
