import { lstatSync, type Stats } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Digest } from '../../oci/digest.ts'
import type { FindOptions, GrowingBlob, InProgress } from '../store.ts'
import { type OpenedFile, openInside } from './content-files.ts'
import { ContentFileError } from './errors.ts'
import { GrowingFile } from './growing-file.ts'
import { INGEST_FILES, type Ingest, readIngest } from './ingest.ts'
import { IngestIndex } from './ingest-index.ts'
import { IngestTail } from './ingest-tail.ts'

/** How long a download counts as live, and a wait for more of it goes on, without a single byte arriving. */
const STALL_TIMEOUT_MS = 5_000
const FALLBACK_INTERVAL_MS = 1_000
/** How often, and how many times, a download that has just appeared is looked at until it is written down in full. */
const APPEAR_INTERVAL_MS = 5
const MAX_LOOKS = 20
/**
 * How long nothing may have come for a download that somebody asks for the rest of. containerd 2.x begins all downloads of an
 * image at once, and limits its requests: the last waits until others are done.
 */
const AWAITED_MS = 3600_000
/** Most downloads that are followed at once, each of them by any number of readers. */
const MAX_TAILS = 256

export interface LiveIngestOptions {
  /** Default: 5 s. */
  readonly stallTimeoutMs?: number
  /** How often a wait looks for itself, should notifications be missing. Default: 1 s. */
  readonly fallbackIntervalMs?: number
  /** Monotonic clock in milliseconds; default: `performance.now`. */
  readonly now?: () => number
  /** Whether a staged download with this `ref` counts; default: any. */
  readonly isOurs?: (ref: string) => boolean
}

interface SharedTail {
  /** As {@link keyOf}. */
  readonly key: string
  readonly tail: IngestTail
  readers: number
}

/** A download as it was found. */
interface Staged {
  readonly ingest: Ingest
  /** Of the staged file. */
  readonly stat: Stats
}

/** The downloads under way in one content directory, as containerd and our own layouts stage them. */
export class LiveIngests implements InProgress {
  readonly #root: string
  readonly #index: IngestIndex
  readonly #tailOptions: { readonly stallTimeoutMs: number; readonly fallbackIntervalMs: number; now(): number }
  /** By {@link keyOf}. */
  readonly #tails = new Map<string, SharedTail>()

  /** @param root the content directory, which need not exist */
  constructor(root: string, options: LiveIngestOptions = {}) {
    const { stallTimeoutMs = STALL_TIMEOUT_MS, fallbackIntervalMs = FALLBACK_INTERVAL_MS } = options
    const { now = () => performance.now(), isOurs = () => true } = options
    this.#root = root
    this.#index = new IngestIndex(root, { isOurs, now })
    this.#tailOptions = { stallTimeoutMs, fallbackIntervalMs, now }
  }

  async find(digest: Digest, options: FindOptions): Promise<GrowingBlob | undefined> {
    const staged = await this.#search(digest, options)
    return staged && (await this.#follow(staged))
  }

  async sizeOf(digest: Digest, options: FindOptions): Promise<number | undefined> {
    return (await this.#search(digest, options))?.ingest.total
  }

  async #search(digest: Digest, { signal, ...wanted }: FindOptions): Promise<Staged | undefined> {
    for (let looks = 1; ; looks += 1) {
      signal.throwIfAborted()
      const { directories, isSettling } = await this.#index.find(digest)
      const complete = directories
        .map(directory => this.#look(directory))
        .filter(staged => staged !== undefined)
        .filter(({ ingest }) => ingest.digest === digest)
      const found = this.#pick(complete, wanted)
      const isComplete = directories.length > 0 && complete.length === directories.length
      if (found !== undefined || isComplete || !isSettling || looks === MAX_LOOKS) return found
      await sleep(APPEAR_INTERVAL_MS, undefined, { signal }).catch(() => undefined)
    }
  }

  /** Undefined where the download is gone again, or not yet written down in full. */
  #look(directory: string): Staged | undefined {
    try {
      const ingest = readIngest(this.#root, directory)
      const stat = lstatSync(path.join(this.#root, directory, INGEST_FILES.data))
      return ingest !== undefined && stat.isFile() ? { ingest, stat } : undefined
    } catch {
      return undefined
    }
  }

  /** The live download of which most is there, else, of those that will do, the one that stalled last. */
  #pick(downloads: readonly Staged[], wanted: Omit<FindOptions, 'signal'>): Staged | undefined {
    const { evenStalled = false, awaitedFrom } = wanted
    const live = downloads.filter(({ stat }) => this.#isWithin(stat.mtimeMs, this.#tailOptions.stallTimeoutMs))
    const stalled = downloads.filter(
      ({ stat }) => evenStalled || (stat.size === awaitedFrom && this.#isWithin(stat.mtimeMs, AWAITED_MS)),
    )
    const [best] = [
      ...live.toSorted((one, other) => other.stat.size - one.stat.size),
      ...stalled.toSorted((one, other) => other.stat.mtimeMs - one.stat.mtimeMs),
    ]
    return best
  }

  /** A file's time is that of its last byte, or of its creation. One in the future says that the clock was set. */
  #isWithin(mtimeMs: number, ms: number): boolean {
    return Math.abs(Date.now() - mtimeMs) < ms
  }

  /** Undefined where it is gone again. */
  async #follow({ ingest, stat }: Staged): Promise<GrowingBlob | undefined> {
    const known = this.#tails.get(keyOf(stat))
    if (known !== undefined) return this.#reader(known)
    const root = this.#root
    const data = await this.#openData(ingest)
    if (data === undefined) return undefined
    const key = keyOf(data.stat)
    const shared = this.#tails.get(key)
    if (shared === undefined && this.#tails.size < MAX_TAILS) {
      const begun = { key, tail: new IngestTail({ root, ingest, data }, this.#tailOptions), readers: 0 }
      this.#tails.set(key, begun)
      return this.#reader(begun)
    }
    // Counted in before the file that is not needed closes, or the tail might end meanwhile.
    const reader = shared && this.#reader(shared)
    await data.handle.close()
    return reader
  }

  async #openData({ directory }: Ingest): Promise<OpenedFile | undefined> {
    try {
      return await openInside(this.#root, path.join(directory, INGEST_FILES.data))
    } catch (error) {
      if (error instanceof ContentFileError) return undefined
      throw error
    }
  }

  #reader(shared: SharedTail): GrowingBlob {
    shared.readers += 1
    return new GrowingFile(shared.tail, async () => {
      shared.readers -= 1
      if (shared.readers > 0) return
      this.#tails.delete(shared.key)
      await shared.tail.close()
    })
  }
}

/** What tells one staged file from another, for as long as it is open. */
function keyOf({ dev, ino }: Stats): string {
  return `${dev} ${ino}`
}
