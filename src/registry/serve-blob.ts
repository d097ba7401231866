import { sendBlob } from '../http/body.ts'
import type { BufferPool } from '../http/buffer-pool.ts'
import { parseRange } from '../http/range.ts'
import { contentHeaders } from '../mirror/content-headers.ts'
import { rangeNotSatisfiable } from './range-error.ts'
import type { Serve } from './stored-content.ts'

/**
 * Makes what sends blobs from the store, whole or the range asked for.
 * @throws {DistributionError} 416 where the range lies outside of the blob
 */
export function blobServer({ buffers }: { readonly buffers: BufferPool }): Serve {
  return async (exchange, { store, descriptor, registry, source, onBytes }) => {
    const { digest, mediaType, size } = descriptor
    const { method, headers } = exchange.request
    const range = parseRange(method === 'HEAD' ? undefined : headers.range, size)
    if (range.kind === 'unsatisfiable') throw rangeNotSatisfiable(size)
    const start = range.kind === 'range' ? range.start : 0
    const end = range.kind === 'range' ? range.end : size - 1
    const blob = await store.open(digest, { signal: exchange.signal })
    try {
      await sendBlob(exchange, {
        status: range.kind === 'range' ? 206 : 200,
        headers: contentHeaders({
          digest,
          mediaType,
          length: end - start + 1,
          registry,
          acceptRanges: 'bytes',
          source,
          part: range.kind === 'range' ? { start, end: end + 1, total: size } : undefined,
        }),
        blob,
        start,
        end,
        buffers,
        onBytes,
      })
    } finally {
      await blob.close()
    }
  }
}
