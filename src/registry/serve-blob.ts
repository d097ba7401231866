import { sendBlob, sendBytes } from '../http/body.ts'
import { parseRange } from '../http/range.ts'
import type { ResponseHead } from '../http/response-head.ts'
import { contentHeaders } from '../mirror/content-headers.ts'
import { rangeNotSatisfiable } from './range-error.ts'
import type { Serve, ServeComponents } from './stored-content.ts'

/**
 * Makes what sends blobs from the store, whole or the range asked for.
 * @throws {DistributionError} 416 where the range lies outside of the blob
 */
export function blobServer({ buffers, small, verification }: ServeComponents): Serve {
  return async (exchange, { store, descriptor, registry, source, onBytes }) => {
    const { digest, mediaType, size } = descriptor
    const { signal } = exchange
    const { method, headers } = exchange.request
    const range = parseRange(method === 'HEAD' ? undefined : headers.range, size)
    if (range.kind === 'unsatisfiable') throw rangeNotSatisfiable(size)
    const start = range.kind === 'range' ? range.start : 0
    const end = range.kind === 'range' ? range.end : size - 1
    const head: ResponseHead = {
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
    }
    using lent = await small.borrow(store, descriptor, { signal })
    if (lent !== undefined) {
      onBytes(await sendBytes(exchange, { ...head, body: lent.bytes.subarray(start, end + 1) }))
      return
    }
    const blob = await store.open(digest, { signal })
    try {
      verification.check(digest, blob)
      await sendBlob(exchange, { ...head, blob, start, end, buffers, onBytes })
      // A client that fetches in parts gets to the end as well.
      if (method === 'GET' && end === size - 1) verification.served(digest, blob)
    } finally {
      await blob.close()
    }
  }
}
