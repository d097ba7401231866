import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { blobDirectory, DIGEST_ALGORITHMS } from '../content-directory/content-files.ts'
import { DirectoryChanges } from '../content-directory/directory-changes.ts'
import { EntryTracker } from '../entry-tracker.ts'
import type { CallOptions } from '../store.ts'
import type { StoreEvent, Watcher } from '../watcher.ts'
import type { LayoutScanner } from './layout-scanner.ts'

/** How long a change is left alone, so that one scan covers what comes in a burst. */
const SETTLE_MS = 100
/** A scan is followed by at least this many times its own duration without one. */
const REST_PER_SCAN = 4
/** How often it is checked that the watched directories are still the ones at their paths. */
const REARM_INTERVAL_MS = 10_000
/** How often a layout that is missing is looked for: somebody may be about to pull into it. */
const MISSING_INTERVAL_MS = 500
/** How often everything is scanned even though no change was noticed. */
const RESYNC_INTERVAL_MS = 600_000

export interface LayoutWatcherOptions {
  /** Default: {@link SETTLE_MS}. */
  readonly settleMs?: number
  /** Default: {@link REARM_INTERVAL_MS}. */
  readonly rearmIntervalMs?: number
  /** Default: {@link RESYNC_INTERVAL_MS}. */
  readonly resyncIntervalMs?: number
}

/**
 * Watches layouts through inotify. A notification only prompts a scan, and what is told is the difference between two
 * scans, so that a notification that is lost costs no more than the time until the next scan.
 */
export class LayoutWatcher implements Watcher {
  readonly #directories: readonly string[]
  readonly #scanner: LayoutScanner
  readonly #settleMs: number
  readonly #rearmIntervalMs: number
  readonly #resyncIntervalMs: number

  constructor(roots: readonly string[], scanner: LayoutScanner, options: LayoutWatcherOptions = {}) {
    this.#directories = roots.flatMap(root => [
      root,
      path.join(root, 'blobs'),
      ...DIGEST_ALGORITHMS.map(algorithm => path.join(root, blobDirectory(algorithm))),
    ])
    this.#scanner = scanner
    this.#settleMs = options.settleMs ?? SETTLE_MS
    this.#rearmIntervalMs = options.rearmIntervalMs ?? REARM_INTERVAL_MS
    this.#resyncIntervalMs = options.resyncIntervalMs ?? RESYNC_INTERVAL_MS
  }

  async *watch({ signal }: CallOptions): AsyncGenerator<StoreEvent> {
    using changes = new DirectoryChanges(this.#directories)
    try {
      const tracker = new EntryTracker()
      while (!signal.aborted) {
        changes.clear()
        await changes.arm()
        const startedMs = performance.now()
        const events = await tracker.look(tell => this.#scanner.scan(tell, { signal }))
        const scanMs = performance.now() - startedMs
        yield* events
        await this.#nextChange(changes, signal)
        await setTimeout(Math.max(this.#settleMs, REST_PER_SCAN * scanMs), undefined, { signal })
      }
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  async #nextChange(changes: DirectoryChanges, signal: AbortSignal): Promise<void> {
    const deadlineMs = performance.now() + this.#resyncIntervalMs
    while (performance.now() < deadlineMs) {
      const timeoutMs = Math.min(this.#rearmIntervalMs, changes.isBlind() ? MISSING_INTERVAL_MS : Infinity)
      if ((await changes.wait({ signal, timeoutMs })) === 'told') return
      if (await changes.arm()) return
    }
  }
}
