import type { Log } from '../../observability/log.ts'
import type { InProgress, Store } from '../store.ts'
import type { Watcher } from '../watcher.ts'
import type { GrowingFileOptions } from './growing-file.ts'
import { LayoutInProgress } from './layout-in-progress.ts'
import { LayoutScanner } from './layout-scanner.ts'
import { LayoutStore } from './layout-store.ts'
import { LayoutWatcher, type LayoutWatcherOptions } from './layout-watcher.ts'

/** The embedded store: image layouts on disk, which need no container runtime. */
export interface OciLayout {
  readonly store: Store
  readonly watcher: Watcher
  readonly inProgress: InProgress
}

export interface OciLayoutComponents {
  /** Image layout directories; they need not exist yet. */
  readonly roots: readonly string[]
  readonly log: Log
}

export interface OciLayoutOptions {
  readonly watcher?: LayoutWatcherOptions
  readonly growing?: GrowingFileOptions
}

/** A store over one or more image layouts, which counts as one: what is in several of them is there once. */
export function createOciLayout({ roots, log }: OciLayoutComponents, options: OciLayoutOptions = {}): OciLayout {
  const scanner = new LayoutScanner(roots, log)
  return {
    store: new LayoutStore(roots, scanner),
    watcher: new LayoutWatcher(roots, scanner, options.watcher),
    inProgress: new LayoutInProgress(roots, options.growing),
  }
}
