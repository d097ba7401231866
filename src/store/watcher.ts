import type { Digest } from '../oci/digest.ts'
import type { TagReference } from '../oci/reference.ts'
import type { CallOptions } from './store.ts'

/** One thing this node can serve, and so advertise. */
export type StoreEntry =
  /** An image under a tag. */
  | { readonly kind: 'tag'; readonly reference: TagReference; readonly digest: Digest }
  /** The manifest or index an image name points at. */
  | { readonly kind: 'image'; readonly registry: string; readonly digest: Digest }
  /** Any other content: child manifests, configs, layers. `registry` is that of an image that uses it, else empty. */
  | { readonly kind: 'content'; readonly registry: string; readonly digest: Digest }

/** A change of what the store holds. */
export type StoreEvent =
  /** All that is there. Replaces everything said before; comes first, and again after a resync. */
  | { readonly type: 'snapshot'; readonly entries: readonly StoreEntry[] }
  | { readonly type: 'added'; readonly entries: readonly StoreEntry[] }
  | { readonly type: 'removed'; readonly entries: readonly StoreEntry[] }

/** Tells what the store holds as it changes. */
export interface Watcher {
  /** First a snapshot, then changes in order, until `signal` aborts (the iteration then ends without an error). */
  watch(options: CallOptions): AsyncIterable<StoreEvent>
}
