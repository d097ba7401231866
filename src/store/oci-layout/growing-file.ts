import { type FSWatcher, watch } from 'node:fs'
import path from 'node:path'
import type { CallOptions, GrowingBlob, Growth } from '../store.ts'
import { ChangeSignal } from './change-signal.ts'
import type { Ingest } from './ingest.ts'
import { type OpenedFile, openBlob, readFrom } from './layout-files.ts'

/** How long a wait goes on without a single byte arriving. */
const STALL_TIMEOUT_MS = 5_000
/** How often a wait looks for itself, should notifications be missing. */
const FALLBACK_INTERVAL_MS = 1_000

export interface GrowingFileOptions {
  /** Default: {@link STALL_TIMEOUT_MS}. */
  readonly stallTimeoutMs?: number
  /** Default: {@link FALLBACK_INTERVAL_MS}. */
  readonly fallbackIntervalMs?: number
  /** Monotonic clock in milliseconds; default: `performance.now`. */
  readonly now?: () => number
}

/**
 * A staged download, read through one open file: a commit only renames it. One reader at a time.
 */
export class GrowingFile implements GrowingBlob {
  readonly size: number
  readonly #root: string
  readonly #ingest: Ingest
  readonly #changes = new ChangeSignal()
  readonly #watcher: FSWatcher | undefined
  readonly #stallTimeoutMs: number
  readonly #fallbackIntervalMs: number
  readonly #now: () => number
  readonly #staged: OpenedFile
  /** The content as committed, which may have come from another download than this one. */
  #committed: OpenedFile | undefined

  constructor(
    source: { readonly root: string; readonly ingest: Ingest; readonly data: OpenedFile },
    options: GrowingFileOptions = {},
  ) {
    this.size = source.ingest.total
    this.#root = source.root
    this.#ingest = source.ingest
    this.#staged = source.data
    this.#stallTimeoutMs = options.stallTimeoutMs ?? STALL_TIMEOUT_MS
    this.#fallbackIntervalMs = options.fallbackIntervalMs ?? FALLBACK_INTERVAL_MS
    this.#now = options.now ?? (() => performance.now())
    this.#watcher = this.#watch()
  }

  read(into: Buffer, position: number): Promise<number> {
    return readFrom((this.#committed ?? this.#staged).handle)(into, position)
  }

  async waitPast(position: number, { signal }: CallOptions): Promise<Growth> {
    let lastGrowthMs = this.#now()
    let lastSize = 0
    for (;;) {
      signal.throwIfAborted()
      this.#changes.clear()
      const size = await this.#look()
      if (typeof size === 'string') return size
      if (size > position) return 'grown'
      if (size > lastSize) lastGrowthMs = this.#now()
      else if (this.#now() - lastGrowthMs >= this.#stallTimeoutMs) return 'stalled'
      lastSize = size
      const timeoutMs = Math.min(this.#fallbackIntervalMs, this.#stallTimeoutMs)
      await this.#changes.wait({ signal, timeoutMs })
    }
  }

  async close(): Promise<void> {
    this.#watcher?.close()
    await this.#staged.handle.close()
    await this.#committed?.handle.close()
  }

  /** How the download has ended, or how many bytes there are. */
  async #look(): Promise<number | 'committed' | 'aborted'> {
    // The links first: a download that is dropped because its content came another way has the content in place by then.
    const { nlink, size } = await this.#staged.handle.stat()
    this.#committed ??= await openBlob(this.#root, this.#ingest.digest)
    if (this.#committed !== undefined) return 'committed'
    return nlink === 0 ? 'aborted' : size
  }

  #watch(): FSWatcher | undefined {
    const { directory } = this.#ingest
    try {
      const watcher = watch(path.join(this.#root, directory), { persistent: false }, () => this.#changes.tell())
      return watcher.on('error', () => this.#changes.tell())
    } catch {
      return undefined
    }
  }
}
