import { lstatSync } from 'node:fs'
import path from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { Digest } from '../../oci/digest.ts'
import { INGEST_DIRECTORY } from './content-files.ts'
import { ContentFileError } from './errors.ts'
import { listIngests, parseIngestRef, readIngestRef } from './ingest.ts'

/** A directory that changed less than this ago may change again without a newer time: file times move in steps. */
const TIME_STEP_MS = 50
/** How long a staged download may take from its directory to its last file. */
const SETTLE_MS = 250
/** Staged downloads whose `ref` is read in one turn of the event loop, which takes a millisecond or two. */
const READ_AT_ONCE = 32

export interface IngestIndexOptions {
  /** Whether a staged download with this `ref` counts. */
  readonly isOurs: (ref: string) => boolean
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number
}

/** The staged downloads of one digest. */
export interface IndexedIngests {
  /** Relative to the content directory. */
  readonly directories: readonly string[]
  /** Whether one has only just appeared, so that files of it may be missing that are about to come. */
  readonly isSettling: boolean
}

interface Entry {
  readonly firstSeenMs: number
  /** Undefined where the staged download is not ours or of no digest, or its `ref` is not there yet. */
  readonly digest: Digest | undefined
  readonly isRead: boolean
}

/**
 * Which downloads are staged in one content directory, by digest. Looking something up costs one `lstat`: the directory
 * is listed only where its time has changed, and a `ref` is read only once. Only the listing leaves this thread: it may have to
 * wait for whoever changes the directory.
 *
 * Notifications of the kernel would not be enough: they come after the request that asks for what they tell of, are lost
 * when too many come at once, and need a watch that may not be had.
 */
export class IngestIndex {
  readonly #root: string
  readonly #options: IngestIndexOptions
  /** By directory; as many as {@link listIngests} lists. */
  readonly #entries = new Map<string, Entry>()
  /** Of the directory as it was listed last; undefined where it may have changed since without showing it. */
  #stamp: string | undefined
  #running: Promise<void> | undefined
  #next: Promise<void> | undefined

  /** @param root the content directory */
  constructor(root: string, options: IngestIndexOptions) {
    this.#root = root
    this.#options = options
  }

  /** What is staged of `digest` at the time of the call; nothing where the directory can't be read. */
  async find(digest: Digest): Promise<IndexedIngests> {
    await this.#update()
    const now = this.#options.now()
    const directories: string[] = []
    let isSettling = false
    for (const [directory, entry] of this.#entries) {
      if (entry.isRead && entry.digest !== digest) continue
      if (entry.isRead) directories.push(directory)
      isSettling ||= now - entry.firstSeenMs < SETTLE_MS
    }
    return { directories, isSettling }
  }

  /** An update that is under way may have passed what came since: all who ask meanwhile share the one after it. */
  #update(): Promise<void> {
    const running = this.#running
    if (running === undefined) {
      this.#running = this.#refresh().finally(() => {
        this.#running = undefined
      })
      return this.#running
    }
    const start = (): Promise<void> => {
      this.#next = undefined
      return this.#update()
    }
    this.#next ??= running.then(start, start)
    return this.#next
  }

  async #refresh(): Promise<void> {
    const before = look(this.#root)
    if (before === undefined || before.stamp !== this.#stamp) await this.#list()
    await this.#readRefs()
    this.#stamp = before?.isPast === true ? before.stamp : undefined
  }

  async #list(): Promise<void> {
    const directories = new Set(await list(this.#root))
    for (const known of this.#entries.keys()) if (!directories.has(known)) this.#entries.delete(known)
    const firstSeenMs = this.#options.now()
    for (const directory of directories) {
      if (!this.#entries.has(directory)) this.#entries.set(directory, { firstSeenMs, digest: undefined, isRead: false })
    }
  }

  async #readRefs(): Promise<void> {
    const unread = [...this.#entries].filter(([, { isRead }]) => !isRead)
    for (const [index, [directory, entry]] of unread.entries()) {
      if (index > 0 && index % READ_AT_ONCE === 0) await setImmediate()
      this.#readRef(directory, entry)
    }
  }

  #readRef(directory: string, { firstSeenMs }: Entry): void {
    const { isOurs, now } = this.#options
    const ref = readIngestRef(this.#root, directory)
    const digest = parseIngestRef(ref)
    const isRead = digest !== undefined || now() - firstSeenMs >= SETTLE_MS
    this.#entries.set(directory, { firstSeenMs, digest: isOurs(ref) ? digest : undefined, isRead })
  }
}

/** What tells that the directory of staged downloads has changed; undefined where it is missing or can't be looked at. */
function look(root: string): { readonly stamp: string; readonly isPast: boolean } | undefined {
  try {
    const { dev, ino, mtimeMs } = lstatSync(path.join(root, INGEST_DIRECTORY))
    return { stamp: `${dev} ${ino} ${mtimeMs}`, isPast: Date.now() - mtimeMs > TIME_STEP_MS }
  } catch {
    return undefined
  }
}

/** What can't be read is not known to be in progress. */
async function list(root: string): Promise<readonly string[]> {
  try {
    return await listIngests(root)
  } catch (error) {
    if (error instanceof ContentFileError) return []
    throw error
  }
}
