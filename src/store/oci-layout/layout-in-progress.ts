import type { Digest } from '../../oci/digest.ts'
import type { CallOptions, GrowingBlob, InProgress } from '../store.ts'
import { GrowingFile, type GrowingFileOptions } from './growing-file.ts'
import { openIngest } from './ingest.ts'

/**
 * Downloads staged in one or more layouts. One whose process died is found too, until it is resumed or removed: a wait
 * for more of it ends as stalled.
 */
export class LayoutInProgress implements InProgress {
  readonly #roots: readonly string[]
  readonly #options: GrowingFileOptions

  constructor(roots: readonly string[], options: GrowingFileOptions = {}) {
    this.#roots = roots
    this.#options = options
  }

  async find(digest: Digest, { signal }: CallOptions): Promise<GrowingBlob | undefined> {
    for (const root of this.#roots) {
      signal.throwIfAborted()
      const found = await openIngest(root, digest)
      if (found !== undefined) return new GrowingFile({ root, ...found }, this.#options)
    }
    return undefined
  }
}
