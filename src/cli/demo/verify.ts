import { createHash } from 'node:crypto'
import { pipeline } from 'node:stream/promises'
import type { Descriptor } from '../../oci/descriptor.ts'
import { digestAlgorithm, finishDigest } from '../../oci/digest.ts'
import { openBlob } from '../../store/content-directory/content-files.ts'

/**
 * Hashes every one of `content` in the layout at `directory`.
 * @returns what is wrong, one phrase each; nothing where all is there and intact
 */
export async function verifyLayout(
  directory: string,
  content: readonly Descriptor[],
  options: { readonly signal: AbortSignal },
): Promise<readonly string[]> {
  const faults: string[] = []
  for (const { digest } of content) {
    const opened = await openBlob(directory, digest)
    if (opened === undefined) {
      faults.push(`${digest} is missing`)
      continue
    }
    const hash = createHash(digestAlgorithm(digest))
    await pipeline(opened.handle.createReadStream(), hash, options)
    const actual = finishDigest(hash, digestAlgorithm(digest))
    if (actual !== digest) faults.push(`${digest} hashes to ${actual}`)
  }
  return faults
}
