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

/** Named images, in two. */
export interface PartedImages {
  readonly passed: readonly NamedImage[]
  readonly excluded: readonly NamedImage[]
}

/**
 * Tells which images of a store a filter excludes, from one look to the next. An image is often named by tag and by digest at
 * once, and filters on tags say nothing of a digest: it is excluded with a tag of its repository that names the same. It
 * stays so when that tag moves on and leaves it behind, until a tag that passes names it or the image is gone.
 */
export class ExcludedImages {
  readonly filter: ReferenceFilter
  /** Names by digest that were excluded at the last look; no more than there were images. */
  #digestNames: ReadonlySet<string> = new Set()

  constructor(filter: ReferenceFilter) {
    this.filter = filter
  }

  /** @param images all that there are */
  part(images: readonly NamedImage[]): PartedImages {
    if (this.filter.excludesNothing) return { passed: images, excluded: [] }
    const excludedTags = new Set<string>()
    const passedTags = new Set<string>()
    for (const image of images) {
      if (image.reference.kind !== 'tag') continue
      const isExcluded = this.filter.exclusion(image.reference) !== undefined
      ;(isExcluded ? excludedTags : passedTags).add(nameByDigest(image))
    }
    const isExcluded = (image: NamedImage): boolean => {
      if (this.filter.exclusion(image.reference) !== undefined) return true
      if (image.reference.kind === 'tag') return false
      const name = nameByDigest(image)
      return excludedTags.has(name) || (this.#digestNames.has(name) && !passedTags.has(name))
    }
    const { excluded = [], passed = [] } = Object.groupBy(images, it => (isExcluded(it) ? 'excluded' : 'passed'))
    this.#digestNames = new Set(excluded.filter(({ reference }) => reference.kind === 'digest').map(nameByDigest))
    return { passed, excluded }
  }
}

function nameByDigest({ reference, digest }: { readonly reference: Repository; readonly digest: Digest }): string {
  return `${reference.registry}/${reference.repository}@${digest}`
}
