import type { Log } from '../../observability/log.ts'
import type { ReferenceFilter } from '../../oci/registry-filter.ts'
import type { LiveIngestOptions } from '../content-directory/live-ingests.ts'
import type { CallOptions, InProgress, Store } from '../store.ts'
import type { Watcher } from '../watcher.ts'
import type { Withheld } from '../withheld-content.ts'
import { createContainerdClient } from './client.ts'
import { ContainerdInProgress } from './containerd-in-progress.ts'
import { ContainerdStore } from './containerd-store.ts'
import { ContainerdWatcher, type ContainerdWatcherOptions } from './containerd-watcher.ts'
import { ContainerdContent } from './content-access.ts'
import type { ContentAccess } from './services.ts'

/** One namespace of the containerd of this machine. The caller disposes of it. */
export interface ContainerdBacked extends AsyncDisposable {
  readonly store: Store
  readonly watcher: Watcher
  readonly inProgress: InProgress
  readonly withheld: Withheld
  /**
   * Watches over the connection until `signal` aborts.
   * @throws {DeadSocketError} where containerd can't come back for as long as this process runs
   */
  run(options: CallOptions): Promise<void>
}

export interface ContainerdBackedComponents {
  readonly filter: ReferenceFilter
  readonly log: Log
}

export interface ContainerdBackedOptions {
  /** Path of the socket, which need not be there yet. */
  readonly socket: string
  readonly namespace: string
  /** The content directory as this process sees it; empty: where containerd says that it is. */
  readonly contentPath: string
  readonly watcher?: ContainerdWatcherOptions
  readonly growing?: LiveIngestOptions
}

/** A store over containerd, which is connected to as soon as it is needed. */
export function createContainerdStore(
  { filter, log }: ContainerdBackedComponents,
  { socket, namespace, contentPath, ...options }: ContainerdBackedOptions,
): ContainerdBacked {
  const containerd = createContainerdClient({ log }, { socket, namespace })
  const content = new ContainerdContent({ containerd, log }, { socket, contentPath })
  const watcher = new ContainerdWatcher(
    { containerd, content, holdings: content.holdings, filter, log },
    options.watcher,
  )
  return {
    store: new ContainerdStore({ images: containerd.images, content }),
    watcher,
    inProgress: new LocatedInProgress(content, directory => {
      return new ContainerdInProgress({ contentDirectory: directory, namespace }, options.growing)
    }),
    withheld: watcher.withheld,
    run: callOptions => containerd.run(callOptions),
    [Symbol.asyncDispose]: () => containerd[Symbol.asyncDispose](),
  }
}

/** What is in progress in a content directory that has yet to be found; nothing where it can't be read. */
class LocatedInProgress implements InProgress {
  readonly #content: Pick<ContentAccess, 'directory'>
  readonly #open: (directory: string) => InProgress
  #inProgress: InProgress | undefined

  constructor(content: Pick<ContentAccess, 'directory'>, open: (directory: string) => InProgress) {
    this.#content = content
    this.#open = open
  }

  async find(...[digest, options]: Parameters<InProgress['find']>): ReturnType<InProgress['find']> {
    return await (await this.#located(options))?.find(digest, options)
  }

  async sizeOf(...[digest, options]: Parameters<InProgress['sizeOf']>): ReturnType<InProgress['sizeOf']> {
    return await (await this.#located(options))?.sizeOf(digest, options)
  }

  async #located(options: CallOptions): Promise<InProgress | undefined> {
    const directory = await this.#content.directory(options)
    if (directory !== undefined) this.#inProgress ??= this.#open(directory)
    return directory === undefined ? undefined : this.#inProgress
  }
}
