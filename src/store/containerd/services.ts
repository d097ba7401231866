import type { Descriptor } from '../../oci/descriptor.ts'
import type { Digest } from '../../oci/digest.ts'
import type { Blob, CallOptions } from '../store.ts'

/** An image record: a name and what it points at. The name need not be a reference (CRI also names images by their id). */
export interface ImageRecord {
  readonly name: string
  readonly target: Descriptor
}

/** containerd's images service, in one namespace. */
export interface ImageService {
  list(options: CallOptions): Promise<readonly ImageRecord[]>
  /** @throws {ContentNotFoundError} where there is no image of that name */
  get(name: string, options: CallOptions): Promise<ImageRecord>
}

/** Committed content. */
export interface ContentInfo {
  readonly digest: Digest
  /** In bytes. */
  readonly size: number
}

/** containerd's content service, in one namespace. */
export interface ContentService {
  list(options: CallOptions): AsyncIterable<ContentInfo>
  /** @throws {ContentNotFoundError} where it is not held in this namespace */
  info(digest: Digest, options: CallOptions): Promise<ContentInfo>
  /**
   * Yields bytes of committed content, in order, from `offset` on, at most `length` of them.
   * @throws {ContentNotFoundError} where it is not held
   */
  read(range: ContentRange, options: CallOptions): AsyncIterable<Uint8Array>
}

interface ContentRange {
  readonly digest: Digest
  readonly offset: number
  readonly length: number
}

/** What containerd tells of, as far as it concerns what a node can serve. */
export type ContainerdEvent =
  /** The first of each subscription: from here on nothing is missed. What was before is to be listed now. */
  | { readonly kind: 'subscribed' }
  | { readonly kind: 'image-created' | 'image-updated' | 'image-deleted'; readonly name: string }
  /** containerd 2.1 and later only. */
  | { readonly kind: 'content-created'; readonly digest: Digest }
  | { readonly kind: 'content-deleted'; readonly digest: Digest }

/** containerd's events service, in one namespace. */
export interface EventService {
  /**
   * Events from now on, `subscribed` first. There is no replay: whoever subscribes lists again afterwards.
   * @throws {ContainerdUnavailableError} when the stream breaks, as it does when containerd restarts; it never ends otherwise
   */
  subscribe(options: CallOptions): AsyncIterable<ContainerdEvent>
}

/** Where committed content is read: in containerd's content directory, or over its socket where that can't be read. */
export interface ContentAccess {
  /** The content directory, as this process sees it; undefined where it can't be read, or containerd has yet to say it. */
  directory(options: CallOptions): Promise<string | undefined>
  /**
   * Opens committed content of the namespace. The caller closes it.
   * @throws {ContentNotFoundError} where it is not held
   */
  open(digest: Digest, options: CallOptions): Promise<Blob>
}

/** What containerd says of itself. */
export interface IntrospectionService {
  /** Version, such as `1.6.20` or `v2.1.4`. */
  version(options: CallOptions): Promise<string>
  /** Directory that content is kept in, as containerd sees it; undefined where it does not say. */
  contentDirectory(options: CallOptions): Promise<string | undefined>
  /** Names of the namespaces that it keeps images in. */
  namespaces(options: CallOptions): Promise<readonly string[]>
}

/** Connection to one containerd. Calls fail with {@link ContainerdUnavailableError} while it can't be reached. */
export interface Containerd extends AsyncDisposable {
  /**
   * Watches over the connection until `signal` aborts: logs when containerd comes and goes.
   * @throws {DeadSocketError} where the socket can't come back for as long as this process runs
   */
  run(options: CallOptions): Promise<void>
  readonly images: ImageService
  readonly content: ContentService
  readonly events: EventService
  readonly introspection: IntrospectionService
}
