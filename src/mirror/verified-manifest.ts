import { type Digest, matchesDigest } from '../oci/digest.ts'
import { fingerprintMediaType, isManifestMediaType } from '../oci/media-type.ts'
import type { ManifestHead } from './answer-head.ts'
import { PeerMismatchError } from './errors.ts'
import type { MemoryReservation } from './manifest-memory.ts'
import type { PeerAnswer } from './peer-answer.ts'

/** A manifest whose content is known to have its digest. */
export interface VerifiedManifest {
  readonly digest: Digest
  readonly mediaType: string
  readonly content: Buffer
}

/**
 * Reads the manifest that `answer` promises and verifies it. The media type is the content's own: the peer's header is
 * not covered by the digest.
 * @throws where the body breaks off, takes too long, is something else or there is no memory for it
 */
export async function readManifest(
  answer: PeerAnswer<ManifestHead>,
  memory: MemoryReservation,
): Promise<VerifiedManifest> {
  const { digest, size } = answer.head
  try {
    memory.add(size)
  } catch (error) {
    answer.destroy()
    throw error
  }
  const content = Buffer.allocUnsafe(size)
  for (let length = 0; length < size; ) {
    const chunk = await answer.read()
    if (chunk === undefined) break
    length += chunk.copy(content, length)
  }
  // The digest first: what is not even that is not worth parsing.
  const mediaType = matchesDigest(content, digest) ? fingerprintMediaType(content) : undefined
  if (mediaType === undefined || !isManifestMediaType(mediaType)) {
    const error = new PeerMismatchError(mediaType === undefined ? `not ${digest}` : `content of type ${mediaType}`)
    answer.fail(error)
    throw error
  }
  // Reaching the end settles the answer and lets its connection be used again.
  await answer.read()
  return { digest, mediaType, content }
}
