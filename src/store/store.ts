import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { TagReference } from '../oci/reference.ts'

/** Every call that waits can be given up. */
export interface CallOptions {
  readonly signal: AbortSignal
}

/** Read-only view of the content that this node holds. Existence is checked on every call: content may vanish. */
export interface Store {
  /**
   * The digest that `reference` names here.
   * @throws {ContentNotFoundError} where the tag is unknown.
   */
  resolve(reference: TagReference, options: CallOptions): Promise<Digest>
  /**
   * Size and media type of committed content. The media type is fingerprinted from the content where nothing names it;
   * what is no manifest or index is `application/octet-stream`.
   * @throws {ContentNotFoundError} where it is not held, or not yet complete.
   */
  describe(digest: Digest, options: CallOptions): Promise<Descriptor>
  /**
   * Opens committed content. The caller closes it.
   * @throws {ContentNotFoundError} where it is not held, or not yet complete.
   */
  open(digest: Digest, options: CallOptions): Promise<Blob>
}

/** The open file behind a {@link Blob}, for threads that read it themselves. */
interface BlobFile {
  /** Valid until the blob is closed. */
  readonly fd: number
  /** Another one where this is another file, or one that was changed since. */
  readonly version: string
}

/** Open content. Stays readable after the content is removed from the store. */
export interface Blob {
  /** Exact size in bytes. */
  readonly size: number
  /** Undefined where it is not read from a file. */
  readonly file?: BlobFile
  /**
   * Reads up to `into.length` bytes from `position`.
   * @returns how many bytes were read; 0 only at or past the end.
   */
  read(into: Buffer, position: number): Promise<number>
  close(): Promise<void>
}

/** How to look for content that is being written. */
export interface FindOptions extends CallOptions {
  /** Also a download that nothing came for of late: it is known that somebody waits for more of it. Default: false. */
  readonly evenStalled?: boolean
  /**
   * Also a download of exactly so many bytes that nothing came for of late: whoever asks for what follows them is likely to
   * be at it, and had to wait for its turn. Default: none.
   */
  readonly awaitedFrom?: number
}

/** Optional capability of a store: content that is being written here and now. */
export interface InProgress {
  /**
   * The live download of `digest`: one that was begun, or that something came for, within the stall time of the store,
   * so that somebody is at it. Undefined where there is none; what a killed client left behind is none until it grows
   * again. The caller closes it, after its waits have ended.
   */
  find(digest: Digest, options: FindOptions): Promise<GrowingBlob | undefined>
  /** Size of what {@link find} would find, at less cost: for those who want to know no more than that it is there. */
  sizeOf(digest: Digest, options: FindOptions): Promise<number | undefined>
}

/** What ended a wait on a {@link GrowingBlob}. */
export type Growth = 'grown' | 'committed' | 'aborted' | 'stalled'

/** Content that is still arriving; `size` is what it will have once complete, `read` returns what is there so far. */
export interface GrowingBlob extends Blob {
  /**
   * Waits until there is content past `position`, the download is committed or given up, or nothing came for the
   * stall time of the store. `committed` means that all bytes are readable.
   */
  waitPast(position: number, options: CallOptions): Promise<Growth>
}
