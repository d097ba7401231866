import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Digest } from '../../oci/digest.ts'
import type { FindOptions, GrowingBlob, InProgress } from '../store.ts'
import { openInside } from './content-files.ts'
import { ContentFileError } from './errors.ts'
import { GrowingFile } from './growing-file.ts'
import { INGEST_FILES, readIngest } from './ingest.ts'
import { IngestIndex } from './ingest-index.ts'
import { IngestTail, type TailSource } from './ingest-tail.ts'

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
  readonly tail: IngestTail
  readers: number
}

/** The downloads under way in one content directory, as containerd and our own layouts stage them. */
export class LiveIngests implements InProgress {
  readonly #root: string
  readonly #index: IngestIndex
  readonly #tailOptions: { readonly stallTimeoutMs: number; readonly fallbackIntervalMs: number; now(): number }
  /** By what identifies the staged file. */
  readonly #tails = new Map<string, SharedTail>()

  /** @param root the content directory, which need not exist */
  constructor(root: string, options: LiveIngestOptions = {}) {
    const { stallTimeoutMs = STALL_TIMEOUT_MS, fallbackIntervalMs = FALLBACK_INTERVAL_MS } = options
    const { now = () => performance.now(), isOurs = () => true } = options
    this.#root = root
    this.#index = new IngestIndex(root, { isOurs, now })
    this.#tailOptions = { stallTimeoutMs, fallbackIntervalMs, now }
  }

  async find(digest: Digest, { signal, ...wanted }: FindOptions): Promise<GrowingBlob | undefined> {
    for (let looks = 1; ; looks += 1) {
      signal.throwIfAborted()
      const { directories, isSettling } = await this.#index.find(digest)
      const staged = await Promise.all(directories.map(directory => this.#open(directory, digest)))
      const complete = staged.filter(source => source !== undefined)
      const found = await this.#pick(complete, wanted)
      if (found !== undefined) return this.#follow(found)
      const isComplete = directories.length > 0 && complete.length === directories.length
      if (isComplete || !isSettling || looks === MAX_LOOKS) return undefined
      await sleep(APPEAR_INTERVAL_MS, undefined, { signal }).catch(() => undefined)
    }
  }

  /** Undefined where the download is gone again, or not yet written down in full. */
  async #open(directory: string, digest: Digest): Promise<TailSource | undefined> {
    try {
      const ingest = await readIngest(this.#root, directory)
      if (ingest?.digest !== digest) return undefined
      const data = await openInside(this.#root, path.join(directory, INGEST_FILES.data))
      return data === undefined ? undefined : { root: this.#root, ingest, data }
    } catch (error) {
      if (error instanceof ContentFileError) return undefined
      throw error
    }
  }

  /** The live download of which most is there, else, of those that will do, the one that stalled last; closes the others. */
  async #pick(sources: readonly TailSource[], wanted: Omit<FindOptions, 'signal'>): Promise<TailSource | undefined> {
    const { evenStalled = false, awaitedFrom } = wanted
    const live = sources.filter(({ data }) => this.#isWithin(data.stat.mtimeMs, this.#tailOptions.stallTimeoutMs))
    const stalled = sources.filter(
      ({ data: { stat } }) => evenStalled || (stat.size === awaitedFrom && this.#isWithin(stat.mtimeMs, AWAITED_MS)),
    )
    const [best] = [
      ...live.toSorted((one, other) => other.data.stat.size - one.data.stat.size),
      ...stalled.toSorted((one, other) => other.data.stat.mtimeMs - one.data.stat.mtimeMs),
    ]
    for (const source of sources) if (source !== best) await source.data.handle.close()
    return best
  }

  /** A file's time is that of its last byte, or of its creation. One in the future says that the clock was set. */
  #isWithin(mtimeMs: number, ms: number): boolean {
    return Math.abs(Date.now() - mtimeMs) < ms
  }

  async #follow(source: TailSource): Promise<GrowingBlob | undefined> {
    const { dev, ino } = source.data.stat
    const key = `${dev} ${ino}`
    const known = this.#tails.get(key)
    if (known !== undefined) {
      known.readers += 1
      await source.data.handle.close()
      return this.#reader(key, known)
    }
    if (this.#tails.size >= MAX_TAILS) {
      await source.data.handle.close()
      return undefined
    }
    const shared = { tail: new IngestTail(source, this.#tailOptions), readers: 1 }
    this.#tails.set(key, shared)
    return this.#reader(key, shared)
  }

  #reader(key: string, shared: SharedTail): GrowingBlob {
    return new GrowingFile(shared.tail, async () => {
      shared.readers -= 1
      if (shared.readers > 0) return
      this.#tails.delete(key)
      await shared.tail.close()
    })
  }
}
