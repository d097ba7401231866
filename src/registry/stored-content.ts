import type { BufferPool } from '../http/buffer-pool.ts'
import type { Exchange } from '../http/exchange.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Store } from '../store/store.ts'
import type { ContentVerification } from './content-verification.ts'
import type { SmallContent } from './small-content.ts'

/** What stored content is sent with. */
export interface ServeComponents {
  readonly buffers: BufferPool
  readonly small: SmallContent
  readonly verification: ContentVerification
}

/** Content of this node's store that answers a request. */
interface StoredContent {
  readonly store: Pick<Store, 'open'>
  readonly descriptor: Descriptor
  /** The registry that it was asked for from. */
  readonly registry: string
  /** Told to local clients. */
  readonly source: 'store' | undefined
  /** Told of bytes as they are sent. */
  readonly onBytes: (bytes: number) => void
}

/**
 * Sends stored content.
 * @throws {ContentNotFoundError} where it has vanished since it was described; nothing has been sent then
 */
export type Serve = (exchange: Exchange, content: StoredContent) => Promise<void>
