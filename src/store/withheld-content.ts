import type { Digest } from '../oci/digest.ts'
import type { ReferenceFilter } from '../oci/registry-filter.ts'

/** Content that is held but neither served nor advertised, because only images that a filter excludes use it, or none is known to. */
export interface Withheld {
  has(digest: Digest): boolean
}

/** What was found to be withheld at the last walk of the images. Before the first, all is: any of it may turn out to be. */
export class WithheldContent implements Withheld {
  readonly #filter: ReferenceFilter
  #found: Withheld | undefined

  constructor(filter: ReferenceFilter) {
    this.#filter = filter
  }

  has(digest: Digest): boolean {
    return this.#found?.has(digest) ?? !this.#filter.excludesNothing
  }

  replace(found: Withheld): void {
    this.#found = found
  }
}
