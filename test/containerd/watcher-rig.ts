import { type Digest, digestOf } from '../../src/oci/digest.ts'
import { createContainerdClient } from '../../src/store/containerd/client.ts'
import { ContainerdWatcher, type ContainerdWatcherOptions } from '../../src/store/containerd/containerd-watcher.ts'
import { NamespaceHoldings } from '../../src/store/containerd/namespace-holdings.ts'
import type { ContentAccess } from '../../src/store/containerd/services.ts'
import { openBlob, readFrom } from '../../src/store/content-directory/content-files.ts'
import { ContentNotFoundError } from '../../src/store/errors.ts'
import type { StoreEntry } from '../../src/store/watcher.ts'
import { sampleImage, sampleTag } from '../contracts/sample-image.ts'
import { FollowedStore } from '../contracts/watcher-contract.ts'
import { MemoryLog } from '../fakes/memory-log.ts'
import { noFilter } from '../no-filter.ts'
import { FakeContainerd, type FakeContainerdOptions } from './fake-containerd.ts'

const HOUR_MS = 3_600_000
const { registry } = sampleTag

/** What is told of content, by default of no image's. */
export function content(digest: Digest, of = ''): StoreEntry {
  return { kind: 'content', registry: of, digest }
}

/** What is told of an image under {@link sampleTag}. */
export function taggedImage(digest: Digest, parts: readonly Digest[]): readonly StoreEntry[] {
  return [
    { kind: 'tag', reference: sampleTag, digest },
    { kind: 'image', registry, digest },
    ...parts.map(part => content(part, registry)),
  ]
}

export interface WatcherSettings extends ContainerdWatcherOptions, FakeContainerdOptions {
  readonly filter?: typeof noFilter
  /** Where this process sees the content directory; default: where it is. */
  readonly directory?: 'none' | ((real: string) => string | undefined)
}

/** A watcher over a containerd that runs. No look is made by time alone unless `settings` say so. */
export async function watchedContainerd(settings: WatcherSettings = {}) {
  const { filter = noFilter, directory = (real: string): string => real } = settings
  const containerd = await FakeContainerd.start(settings)
  const log = new MemoryLog()
  const client = createContainerdClient({ log }, { socket: containerd.socket, namespace: containerd.namespace })
  const seen = (): string | undefined => (directory === 'none' ? undefined : directory(containerd.contentDirectory))
  const access: ContentAccess = {
    directory: async () => seen(),
    open: async digest => {
      const opened = await openBlob(containerd.contentDirectory, digest)
      if (opened === undefined) throw new ContentNotFoundError(digest)
      const { handle, stat } = opened
      return { size: stat.size, read: readFrom(handle), close: () => handle.close() }
    },
  }
  const holdings = new NamespaceHoldings(client.content)
  const watcher = new ContainerdWatcher(
    { containerd: client, content: access, holdings, filter, log },
    { settleMs: 1, rearmIntervalMs: HOUR_MS, resyncIntervalMs: HOUR_MS, collectDelayMs: HOUR_MS, ...settings },
  )
  return {
    containerd,
    log,
    watcher,
    holdings,
    /** Follows the watcher from its snapshot on. */
    follow: () => new FollowedStore(watcher),
    /** How often a method of containerd was called. */
    calls: (method: string): number => containerd.calls.get(method) ?? 0,
    /** Puts the parts of a sample image. */
    putImage: async () => {
      const { config, layers, manifest } = sampleImage()
      for (const part of [config, ...layers, manifest]) await containerd.put(part.content)
      const parts = [config, ...layers].map(part => digestOf(part.content))
      return { digest: digestOf(manifest.content), parts }
    },
    [Symbol.asyncDispose]: async () => {
      await client[Symbol.asyncDispose]()
      await containerd[Symbol.asyncDispose]()
    },
  }
}
