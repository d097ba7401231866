import { type FSWatcher, watch } from 'node:fs'
import path from 'node:path'
import type { CallOptions, Growth } from '../store.ts'
import { ChangeSignal } from './change-signal.ts'
import { type OpenedFile, openBlob, readFrom } from './content-files.ts'
import type { Ingest } from './ingest.ts'

export interface IngestTailOptions {
  /** How long a wait goes on without a single byte arriving. */
  readonly stallTimeoutMs: number
  /** How often a wait looks for itself, should notifications be missing. */
  readonly fallbackIntervalMs: number
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number
}

export interface TailSource {
  /** The content directory. */
  readonly root: string
  readonly ingest: Ingest
  /** The staged file; closed with the tail. */
  readonly data: OpenedFile
}

/**
 * Follows one staged download for any number of readers, at the cost of one: one open file, one watch, and one look at
 * the file for all that wait. The file stays readable whatever happens to it: a commit only renames it.
 */
export class IngestTail {
  readonly total: number
  readonly #root: string
  readonly #ingest: Ingest
  readonly #options: IngestTailOptions
  readonly #changes = new ChangeSignal()
  #watcher: FSWatcher | undefined
  #isArmed = false
  readonly #staged: OpenedFile
  /** The content as committed, which may have come from another download than this one. */
  #committed: OpenedFile | undefined
  #isAborted = false
  #size: number
  #grewAtMs: number
  #lookedAtMs = Number.NEGATIVE_INFINITY
  #looking: Promise<void> | undefined

  constructor({ root, ingest, data }: TailSource, options: IngestTailOptions) {
    this.total = ingest.total
    this.#root = root
    this.#ingest = ingest
    this.#options = options
    this.#staged = data
    this.#size = data.stat.size
    this.#grewAtMs = options.now()
  }

  read(into: Buffer, position: number): Promise<number> {
    return readFrom((this.#committed ?? this.#staged).handle)(into, position)
  }

  /** As `GrowingBlob.waitPast`. */
  async waitPast(position: number, { signal }: CallOptions): Promise<Growth> {
    const { stallTimeoutMs, fallbackIntervalMs, now } = this.#options
    const startedAtMs = now()
    this.#arm()
    for (;;) {
      signal.throwIfAborted()
      const mayHaveChanged = this.#changes.told || now() - this.#lookedAtMs >= fallbackIntervalMs
      if (mayHaveChanged && !this.#isPast(position)) await this.#look()
      if (this.#committed !== undefined) return 'committed'
      if (this.#isAborted) return 'aborted'
      if (this.#size > position) return 'grown'
      if (now() - Math.max(startedAtMs, this.#grewAtMs) >= stallTimeoutMs) return 'stalled'
      await this.#changes.wait({ signal, timeoutMs: Math.min(fallbackIntervalMs, stallTimeoutMs) })
    }
  }

  async close(): Promise<void> {
    this.#watcher?.close()
    await this.#looking?.catch(() => undefined)
    await this.#staged.handle.close()
    await this.#committed?.handle.close()
  }

  #isPast(position: number): boolean {
    return this.#committed !== undefined || this.#isAborted || this.#size > position
  }

  #look(): Promise<void> {
    this.#looking ??= this.#lookNow().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  async #lookNow(): Promise<void> {
    const { now } = this.#options
    this.#changes.clear()
    this.#lookedAtMs = now()
    // The links first: a download that is dropped because its content came another way has the content in place by then.
    const { nlink, size } = await this.#staged.handle.stat()
    const hasGrown = size > this.#size
    if (hasGrown) this.#grewAtMs = now()
    this.#size = size
    // What is still growing is not committed, and the look for its content would be most of the cost.
    if (hasGrown && nlink > 0 && size < this.total) return
    this.#committed = await openBlob(this.#root, this.#ingest.digest)
    this.#isAborted = nlink === 0
  }

  /** Whoever only reads what is there needs no watch. */
  #arm(): void {
    if (this.#isArmed) return
    this.#isArmed = true
    const { directory } = this.#ingest
    try {
      const watcher = watch(path.join(this.#root, directory), { persistent: false }, () => this.#changes.tell())
      this.#watcher = watcher.on('error', () => this.#changes.tell())
    } catch {
      // Gone again, or out of watches: each wait looks for itself from time to time.
    }
  }
}
