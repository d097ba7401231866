import type { Digest } from '../../oci/digest.ts'
import { type LiveIngestOptions, LiveIngests } from '../content-directory/live-ingests.ts'
import type { FindOptions, GrowingBlob, InProgress } from '../store.ts'

/** Downloads staged in one or more layouts. */
export class LayoutInProgress implements InProgress {
  readonly #layouts: readonly InProgress[]

  constructor(roots: readonly string[], options: LiveIngestOptions = {}) {
    this.#layouts = roots.map(root => new LiveIngests(root, options))
  }

  async find(digest: Digest, options: FindOptions): Promise<GrowingBlob | undefined> {
    for (const layout of this.#layouts) {
      const found = await layout.find(digest, options)
      if (found !== undefined) return found
    }
    return undefined
  }

  async sizeOf(digest: Digest, options: FindOptions): Promise<number | undefined> {
    for (const layout of this.#layouts) {
      const size = await layout.sizeOf(digest, options)
      if (size !== undefined) return size
    }
    return undefined
  }
}
