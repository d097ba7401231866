import type { Log } from '../../observability/log.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import type { Digest } from '../../oci/digest.ts'

/** Is told how the downloads of a pull go on. */
export interface PullProgress {
  /** @param offset bytes that an earlier pull left behind and that are not fetched again */
  started(content: Descriptor, offset: number): void
  /** @param source who sent the bytes: `upstream`, `store` (of the mirror), or the `host:port` of a peer or mirror */
  advanced(digest: Digest, bytes: number, source: string): void
  /** The content is complete and verified. */
  finished(digest: Digest): void
}

/** Progress as log lines, one at the start and one at the end of each download. */
export class LogProgress implements PullProgress {
  readonly #log: Log

  constructor(log: Log) {
    this.#log = log
  }

  started({ digest, size }: Descriptor, offset: number): void {
    this.#log.info('download started', { digest, size, offset })
  }

  advanced(): void {}

  finished(digest: Digest): void {
    this.#log.info('download finished', { digest })
  }
}
