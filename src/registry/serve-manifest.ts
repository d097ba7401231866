import { sendBlob, sendBytes } from '../http/body.ts'
import type { BufferPool } from '../http/buffer-pool.ts'
import { contentHeaders } from '../mirror/content-headers.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { digestAlgorithm, finishDigest, startDigest } from '../oci/digest.ts'
import { DistributionError } from '../oci/distribution-error.ts'
import { isManifestMediaType, MAX_MANIFEST_BYTES } from '../oci/media-type.ts'
import type { Blob } from '../store/store.ts'
import type { Serve, ServeComponents } from './stored-content.ts'

/**
 * Makes what sends manifests and indexes from the store, verified first; for HEAD as well, which would otherwise lead the
 * client to content that is not there. A `Range` is ignored.
 * @throws {DistributionError} where the content is something else, or too large
 * @throws {CorruptContentError} where it does not match its digest; nothing has been sent then
 */
export function manifestServer({ buffers, small, verification }: ServeComponents): Serve {
  return async (exchange, { store, descriptor, registry, source, onBytes }) => {
    const { digest, mediaType, size } = descriptor
    const { signal } = exchange
    if (!isManifestMediaType(mediaType) || size > MAX_MANIFEST_BYTES) {
      throw new DistributionError('MANIFEST_UNKNOWN', `${digest} is no manifest`)
    }
    const headers = contentHeaders({ digest, mediaType, length: size, registry, acceptRanges: 'none', source })
    using lent = await small.borrow(store, descriptor, { signal })
    if (lent !== undefined) {
      onBytes(await sendBytes(exchange, { status: 200, headers, body: lent.bytes }))
      return
    }
    const blob = await store.open(digest, { signal })
    try {
      verification.check(digest, blob)
      if (!verification.isVerified(digest, blob)) {
        verification.found(digest, blob, { matches: await matches(blob, descriptor, buffers) })
      }
      await sendBlob(exchange, { status: 200, headers, blob, start: 0, end: size - 1, buffers, onBytes })
    } finally {
      await blob.close()
    }
  }
}

/** Read once to verify and once to send: kept in between, it would be memory that clients decide on. */
async function matches(blob: Blob, { digest, size }: Descriptor, buffers: BufferPool): Promise<boolean> {
  const hash = startDigest(digest)
  const buffer = buffers.acquire(size)
  try {
    for (let position = 0; position < size; ) {
      const read = await blob.read(buffer.subarray(0, size - position), position)
      if (read === 0) break
      hash.update(buffer.subarray(0, read))
      position += read
    }
  } finally {
    buffers.release(buffer)
  }
  return finishDigest(hash, digestAlgorithm(digest)) === digest
}
