import { scheduler } from 'node:timers/promises'
import type { Digest } from '../oci/digest.ts'
import { childDigests, type Manifest } from '../oci/manifest.ts'
import type { TellEntry } from './entry-tracker.ts'
import type { ExcludedImages, NamedImage, RootImage } from './excluded-images.ts'
import type { Withheld } from './withheld-content.ts'

/** All committed content of a store; a set, or a map by digest. */
interface HeldContent {
  has(digest: Digest): boolean
  keys(): Iterable<Digest>
}

/** What is known of a store before its images are walked. */
export interface StoreInventory {
  readonly images: readonly RootImage[]
  readonly held: HeldContent
  /** Of this store alone: it remembers what it was asked about. */
  readonly exclusions: ExcludedImages
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
 * image is told again as content of no registry at the end. Of images that the filter excludes nothing is told but what
 * other named images use as well. Where it excludes by name, what no image uses is not told either: it may be part of an
 * image that is still being pulled and has no name yet.
 * @returns what is not to be served, for the same reasons
 */
export async function walkImages(inventory: StoreInventory, tell: TellEntry): Promise<Withheld> {
  const { held, exclusions } = inventory
  const images = inventory.images.filter(image => held.has(image.digest))
  const parted = exclusions.part(inventory.images.filter(isNamed))
  const passed = parted.passed.filter(image => held.has(image.digest))
  const excluded = parted.excluded.filter(image => held.has(image.digest))
  let steps = 0
  const step = async (count = 1): Promise<void> => {
    steps += count
    if (steps < STEPS_PER_TURN) return
    steps = 0
    await scheduler.yield()
  }

  // Content need not match its digest, so an index can contain itself.
  const walked = new Set<Digest>()
  const walk = async (digest: Digest, note: (child: Digest) => void, depth = 0): Promise<void> => {
    if (walked.has(digest) || !held.has(digest)) return
    walked.add(digest)
    const manifest = await inventory.readManifest(digest)
    if (manifest === undefined) return
    const children = childDigests(manifest)
    for (const child of children) if (held.has(child)) note(child)
    await step(children.length)
    if (manifest.kind === 'image' || depth === MAX_DEPTH) return
    for (const child of children) await walk(child, note, depth + 1)
  }

  const withheld = new Set<Digest>()
  for (const { digest } of excluded) {
    withheld.add(digest)
    await walk(digest, child => withheld.add(child))
  }
  walked.clear()

  const used = exclusions.filter.excludesNames ? new Set<Digest>() : undefined
  const pass = (digest: Digest): void => {
    withheld.delete(digest)
    used?.add(digest)
  }
  for (const { reference, digest } of passed) {
    if (reference.kind === 'tag') tell({ kind: 'tag', reference, digest })
    tell({ kind: 'image', registry: reference.registry, digest })
    pass(digest)
  }
  for (const { reference, digest } of passed) {
    await walk(digest, child => {
      pass(child)
      tell({ kind: 'content', registry: reference.registry, digest: child })
    })
  }

  const tellRest = (digest: Digest): void => {
    if (withheld.has(digest)) return
    used?.add(digest)
    tell({ kind: 'content', registry: '', digest })
  }
  for (const { digest } of images) {
    await walk(digest, tellRest)
    tellRest(digest)
  }
  if (used !== undefined) return { has: digest => !used.has(digest) }
  for (const digest of held.keys()) {
    tellRest(digest)
    await step()
  }
  return withheld
}

function isNamed(image: RootImage): image is NamedImage {
  return image.reference !== undefined
}
