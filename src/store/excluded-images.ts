import type { Digest } from '../oci/digest.ts'
import type { Reference, Repository } from '../oci/reference.ts'
import type { ReferenceFilter } from '../oci/registry-filter.ts'

/** A manifest or index that a store keeps for its own sake, and its name if it has a full one. */
export interface RootImage {
  readonly digest: Digest
  readonly reference?: Reference
}

/** An image with a name. */
export type NamedImage = Required<RootImage>

/**
 * Parts named images into those that `filter` lets pass and those that it excludes. An image is often named by tag and by
 * digest at once, and filters on tags say nothing of a digest: it is excluded with a tag of its repository that
 * names the same.
 */
export function partByFilter(
  images: readonly NamedImage[],
  filter: ReferenceFilter,
): { readonly passed: readonly NamedImage[]; readonly excluded: readonly NamedImage[] } {
  if (filter.excludesNothing) return { passed: images, excluded: [] }
  const excludedTags = new Set<string>()
  for (const image of images) {
    if (image.reference.kind === 'tag' && filter.exclusion(image.reference) !== undefined) {
      excludedTags.add(nameByDigest(image))
    }
  }
  const isExcluded = (image: NamedImage): boolean => {
    if (filter.exclusion(image.reference) !== undefined) return true
    return image.reference.kind === 'digest' && excludedTags.has(nameByDigest(image))
  }
  const { excluded = [], passed = [] } = Object.groupBy(images, it => (isExcluded(it) ? 'excluded' : 'passed'))
  return { passed, excluded }
}

function nameByDigest({ reference, digest }: { readonly reference: Repository; readonly digest: Digest }): string {
  return `${reference.registry}/${reference.repository}@${digest}`
}
