import type { Log } from '../../observability/log.ts'
import type { ReferenceFilter } from '../../oci/registry-filter.ts'
import type { LiveIngestOptions } from '../content-directory/live-ingests.ts'
import type { InProgress, Store } from '../store.ts'
import type { Watcher } from '../watcher.ts'
import type { Withheld } from '../withheld-content.ts'
import { LayoutInProgress } from './layout-in-progress.ts'
import { LayoutScanner } from './layout-scanner.ts'
import { LayoutStore } from './layout-store.ts'
import { LayoutWatcher, type LayoutWatcherOptions } from './layout-watcher.ts'

/** The embedded store: image layouts on disk, which need no container runtime. */
export interface OciLayout {
  readonly store: Store
  readonly watcher: Watcher
  readonly inProgress: InProgress
  readonly withheld: Withheld
}

export interface OciLayoutComponents {
  /** Image layout directories; they need not exist yet. */
  readonly roots: readonly string[]
  readonly filter: ReferenceFilter
  readonly log: Log
}

export interface OciLayoutOptions {
  readonly watcher?: LayoutWatcherOptions
  readonly growing?: LiveIngestOptions
}

/** A store over one or more image layouts, which counts as one: what is in several of them is there once. */
export function createOciLayout(components: OciLayoutComponents, options: OciLayoutOptions = {}): OciLayout {
  const { roots } = components
  const scanner = new LayoutScanner(roots, components)
  return {
    store: new LayoutStore(roots, scanner),
    watcher: new LayoutWatcher(roots, scanner, options.watcher),
    inProgress: new LayoutInProgress(roots, options.growing),
    withheld: scanner.withheld,
  }
}
