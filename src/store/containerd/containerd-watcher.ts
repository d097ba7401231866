import { setTimeout } from 'node:timers/promises'
import type { Log } from '../../observability/log.ts'
import type { Digest } from '../../oci/digest.ts'
import type { Manifest } from '../../oci/manifest.ts'
import type { ReferenceFilter } from '../../oci/registry-filter.ts'
import { EntryTracker, type TellEntry } from '../entry-tracker.ts'
import { ExcludedImages } from '../excluded-images.ts'
import { walkImages } from '../image-walk.ts'
import type { CallOptions } from '../store.ts'
import type { StoreEvent, Watcher } from '../watcher.ts'
import { WithheldContent } from '../withheld-content.ts'
import { BlobDirectory } from './blob-directory.ts'
import { ContainerdError, ContainerdUnavailableError } from './errors.ts'
import { Inventory } from './inventory.ts'
import { ManifestReader } from './manifest-reader.ts'
import type { NamespaceHoldings } from './namespace-holdings.ts'
import { PendingChanges } from './pending-changes.ts'
import type { Containerd, ContainerdEvent, ContentAccess } from './services.ts'

/** How long a change is left alone, so that one look covers what comes in a burst. */
const SETTLE_MS = 250
/** A look is followed by at least this many times its own duration without one. */
const REST_PER_LOOK = 4
/** But by no longer a rest: what is gone has to be withdrawn soon. */
const LONGEST_REST_MS = 500
/** How often it is checked that the watched directories are still the ones at their paths. */
const REARM_INTERVAL_MS = 10_000
/** How often everything is listed even though no change was noticed. */
const RESYNC_INTERVAL_MS = 600_000
/**
 * How long after an image was deleted everything is listed: containerd collects its garbage without a word, and where two
 * namespaces share content not even a file goes.
 */
const COLLECT_DELAY_MS = 1000
const FIRST_RETRY_MS = 50
/** Longest wait between attempts to reach a containerd that is away. */
const LONGEST_RETRY_MS = 1000
/** Longest wait between attempts where it is there and answers with errors. */
const LONGEST_FAILURE_RETRY_MS = 60_000

export interface ContainerdWatcherComponents {
  readonly containerd: Pick<Containerd, 'images' | 'content' | 'events'>
  readonly content: ContentAccess
  /** Is told what the namespace holds: all that is advertised is to be served while containerd is away. */
  readonly holdings: Pick<NamespaceHoldings, 'setListed'>
  readonly filter: ReferenceFilter
  readonly log: Log
}

export interface ContainerdWatcherOptions {
  /** Default: {@link SETTLE_MS}. */
  readonly settleMs?: number
  /** Default: {@link REARM_INTERVAL_MS}. */
  readonly rearmIntervalMs?: number
  /** Default: {@link RESYNC_INTERVAL_MS}. */
  readonly resyncIntervalMs?: number
  /** Default: {@link COLLECT_DELAY_MS}. */
  readonly collectDelayMs?: number
}

/**
 * Watches one containerd namespace: events tell of images, inotify on the blob directory of content, since containerd tells
 * of content only from 2.1 on and never of what its garbage collection removes. Both only say what to look at, and what
 * is told is the difference between two looks. While containerd can't be reached, what was told last stands: the
 * content directory can still be served from.
 */
export class ContainerdWatcher implements Watcher {
  /** As of the last look. */
  readonly withheld: WithheldContent
  readonly #components: ContainerdWatcherComponents
  readonly #manifests: ManifestReader
  readonly #exclusions: ExcludedImages
  readonly #options: Required<ContainerdWatcherOptions>

  constructor(components: ContainerdWatcherComponents, options: ContainerdWatcherOptions = {}) {
    this.withheld = new WithheldContent(components.filter)
    this.#components = components
    this.#manifests = new ManifestReader(components)
    this.#exclusions = new ExcludedImages(components.filter)
    this.#options = {
      settleMs: options.settleMs ?? SETTLE_MS,
      rearmIntervalMs: options.rearmIntervalMs ?? REARM_INTERVAL_MS,
      resyncIntervalMs: options.resyncIntervalMs ?? RESYNC_INTERVAL_MS,
      collectDelayMs: options.collectDelayMs ?? COLLECT_DELAY_MS,
    }
  }

  async *watch({ signal }: CallOptions): AsyncGenerator<StoreEvent> {
    const tracker = new EntryTracker()
    let retryMs = FIRST_RETRY_MS
    while (!signal.aborted) {
      try {
        for await (const events of this.#session(tracker, signal)) {
          retryMs = FIRST_RETRY_MS
          yield* events
        }
      } catch (error) {
        if (signal.aborted) return
        let longestMs = LONGEST_RETRY_MS
        if (error instanceof ContainerdError) {
          this.#components.log.warn('containerd cannot be watched', { retryMs, error })
          longestMs = LONGEST_FAILURE_RETRY_MS
        } else if (!(error instanceof ContainerdUnavailableError)) {
          throw error
        }
        await setTimeout(retryMs, undefined, { signal }).catch(() => {})
        retryMs = Math.min(2 * retryMs, longestMs)
      }
    }
  }

  /** Looks again and again, until the connection to containerd breaks or its content directory becomes another. */
  async *#session(tracker: EntryTracker, signal: AbortSignal): AsyncGenerator<readonly StoreEvent[]> {
    const { containerd, content, holdings, log } = this.#components
    const { settleMs, rearmIntervalMs, resyncIntervalMs } = this.#options
    const ended = new AbortController()
    const subscription = containerd.events.subscribe({ signal: AbortSignal.any([signal, ended.signal]) })
    const events = subscription[Symbol.asyncIterator]()
    await events.next()
    const pending = new PendingChanges()
    const following = this.#follow(events, pending)
    try {
      const root = await content.directory({ signal })
      using blobs = root === undefined ? undefined : watchBlobs(root, pending)
      const inventory = new Inventory({ containerd, manifests: this.#manifests, blobs, pending, log })
      await blobs?.arm()
      pending.addEverything()
      for (;;) {
        const startedMs = performance.now()
        const changes = pending.take()
        await inventory.update(changes, { signal })
        holdings.setListed(inventory.held)
        if (changes.everything) pending.addEverything(resyncIntervalMs)
        const told = changes.isEmpty ? [] : await tracker.look(tell => this.#walk(inventory, tell, signal))
        const restMs = Math.min(REST_PER_LOOK * (performance.now() - startedMs), LONGEST_REST_MS)
        yield told
        await pending.wait({ signal, timeoutMs: rearmIntervalMs })
        await setTimeout(Math.max(settleMs, restMs), undefined, { signal })
        if ((await content.directory({ signal })) !== root) return
        if (await blobs?.arm()) pending.addEverything()
      }
    } finally {
      ended.abort()
      await following
    }
  }

  /** Notes what events tell of. Does not fail: whoever waits for a change learns that there will be no more. */
  async #follow(events: AsyncIterator<ContainerdEvent>, pending: PendingChanges): Promise<void> {
    try {
      for (let next = await events.next(); next.done !== true; next = await events.next()) {
        const event = next.value
        switch (event.kind) {
          case 'subscribed':
            break
          case 'image-deleted':
            pending.addEverything(this.#options.collectDelayMs)
            pending.addImage(event.name)
            break
          case 'image-created':
          case 'image-updated':
            pending.addImage(event.name)
            break
          case 'content-created':
          case 'content-deleted':
            pending.addContent(event.digest)
            break
        }
      }
    } catch (error) {
      pending.fail(error)
    }
  }

  async #walk(inventory: Inventory, tell: TellEntry, signal: AbortSignal): Promise<void> {
    const { images, held } = inventory
    const exclusions = this.#exclusions
    const readManifest = (digest: Digest): Promise<Manifest | undefined> => this.#manifests.read(digest, { signal })
    this.withheld.replace(await walkImages({ images, held, exclusions, readManifest }, tell))
  }
}

function watchBlobs(root: string, pending: PendingChanges): BlobDirectory {
  return new BlobDirectory(root, {
    onBlob: digest => pending.addContent(digest),
    onDirectory: () => pending.wake(),
  })
}
