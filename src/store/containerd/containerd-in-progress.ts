import type { Digest } from '../../oci/digest.ts'
import { type LiveIngestOptions, LiveIngests } from '../content-directory/live-ingests.ts'
import type { FindOptions, GrowingBlob, InProgress } from '../store.ts'

export interface ContainerdInProgressSettings {
  /** containerd's content directory, as this process sees it. */
  readonly contentDirectory: string
  /** Only what is pulled in this namespace counts. */
  readonly namespace: string
}

/**
 * What containerd is pulling, by the files that it writes: `ingest/<id>/{ref,total,data}`. Finds nothing where those
 * can't be read, nor what is pulled in another namespace, nor what a client that was killed left behind.
 */
export class ContainerdInProgress implements InProgress {
  readonly #ingests: InProgress

  constructor({ contentDirectory, namespace }: ContainerdInProgressSettings, options: LiveIngestOptions = {}) {
    // A `ref` is kept as `<namespace>/<number>/<name that the client gave>`; no namespace has a slash in its name.
    const isOurs = (ref: string): boolean => ref.startsWith(`${namespace}/`)
    this.#ingests = new LiveIngests(contentDirectory, { ...options, isOurs })
  }

  find(digest: Digest, options: FindOptions): Promise<GrowingBlob | undefined> {
    return this.#ingests.find(digest, options)
  }

  sizeOf(digest: Digest, options: FindOptions): Promise<number | undefined> {
    return this.#ingests.sizeOf(digest, options)
  }
}
