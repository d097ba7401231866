import { EventEmitter, once } from 'node:events'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import { type Manifest, parseManifest } from '../../src/oci/manifest.ts'
import { fingerprintMediaType, isManifestMediaType } from '../../src/oci/media-type.ts'
import { formatReference, type TagReference } from '../../src/oci/reference.ts'
import { EntryTracker, type TellEntry } from '../../src/store/entry-tracker.ts'
import { ContentNotFoundError } from '../../src/store/errors.ts'
import { ExcludedImages } from '../../src/store/excluded-images.ts'
import { walkImages } from '../../src/store/image-walk.ts'
import type { Blob, CallOptions, FindOptions, GrowingBlob, Growth, InProgress, Store } from '../../src/store/store.ts'
import type { StoreEvent, Watcher } from '../../src/store/watcher.ts'
import { noFilter } from '../no-filter.ts'
import { MemoryDownload } from './memory-download.ts'

/** A store whose content, tags and downloads a test sets. Waits end when something happens, never by time. */
export class MemoryStore implements Store, InProgress, Watcher {
  readonly #content = new Map<Digest, Buffer>()
  readonly #tags = new Map<string, { readonly reference: TagReference; readonly digest: Digest }>()
  readonly #downloads = new Map<Digest, MemoryDownload>()
  readonly #changes = new EventEmitter()
  readonly #exclusions = new ExcludedImages(noFilter)
  #version = 0

  /** Adds complete content. */
  put(content: Buffer): Digest {
    const digest = digestOf(content)
    this.#content.set(digest, content)
    this.#changed()
    return digest
  }

  /** Adds content under a digest that it need not match, as a broken disk would. */
  putCorrupt(digest: Digest, content: Buffer): void {
    this.#content.set(digest, content)
    this.#changed()
  }

  remove(digest: Digest): void {
    this.#content.delete(digest)
    this.#changed()
  }

  tag(reference: TagReference, digest: Digest): void {
    this.#tags.set(formatReference(reference), { reference, digest })
    this.#changed()
  }

  untag(reference: TagReference): void {
    this.#tags.delete(formatReference(reference))
    this.#changed()
  }

  /** Starts a download, which is in progress until it is committed or aborted. */
  begin(digest: Digest, size: number): MemoryDownload {
    const download = new MemoryDownload(size, outcome => {
      this.#downloads.delete(digest)
      if (outcome === 'committed') this.putCorrupt(digest, download.received())
    })
    this.#downloads.set(digest, download)
    return download
  }

  async resolve(reference: TagReference, { signal }: CallOptions): Promise<Digest> {
    signal.throwIfAborted()
    const name = formatReference(reference)
    const tagged = this.#tags.get(name)
    if (tagged === undefined) throw new ContentNotFoundError(name)
    return tagged.digest
  }

  async describe(digest: Digest, { signal }: CallOptions): Promise<Descriptor> {
    signal.throwIfAborted()
    const content = this.#get(digest)
    return { digest, size: content.length, mediaType: fingerprintMediaType(content) }
  }

  async open(digest: Digest, { signal }: CallOptions): Promise<Blob> {
    signal.throwIfAborted()
    const content = this.#get(digest)
    return {
      size: content.length,
      read: async (into, position) => content.copy(into, 0, Math.min(position, content.length)),
      close: async () => {},
    }
  }

  async find(
    digest: Digest,
    { signal, evenStalled = false, awaitedFrom }: FindOptions,
  ): Promise<GrowingBlob | undefined> {
    signal.throwIfAborted()
    const download = this.#downloads.get(digest)
    if (download === undefined) return undefined
    if (!download.isLive && !evenStalled && download.received().length !== awaitedFrom) return undefined
    const complete = (): Buffer | undefined => this.#content.get(digest)
    return {
      size: download.size,
      read: async (into, position) => {
        const content = complete() ?? download.received()
        return content.copy(into, 0, Math.min(position, content.length))
      },
      waitPast: (position, options): Promise<Growth> =>
        download.waitPast(position, { ...options, isHeld: () => complete() !== undefined }),
      close: async () => {},
    }
  }

  async sizeOf(digest: Digest, options: FindOptions): Promise<number | undefined> {
    return (await this.find(digest, options))?.size
  }

  async *watch({ signal }: CallOptions): AsyncGenerator<StoreEvent> {
    const tracker = new EntryTracker()
    while (!signal.aborted) {
      const version = this.#version
      yield* await tracker.look(tell => this.#tellEntries(tell))
      if (version === this.#version) await once(this.#changes, 'change', { signal }).catch(() => {})
    }
  }

  async #tellEntries(tell: TellEntry): Promise<void> {
    const readManifest = async (digest: Digest): Promise<Manifest | undefined> => {
      const content = this.#get(digest)
      return isManifestMediaType(fingerprintMediaType(content)) ? parseManifest(content) : undefined
    }
    const [images, held] = [[...this.#tags.values()], new Set(this.#content.keys())]
    await walkImages({ images, held, exclusions: this.#exclusions, readManifest }, tell)
  }

  #get(digest: Digest): Buffer {
    const content = this.#content.get(digest)
    if (content === undefined) throw new ContentNotFoundError(digest)
    return content
  }

  #changed(): void {
    this.#version += 1
    this.#changes.emit('change')
  }
}
