import { createHash, type Hash } from 'node:crypto'
import { InvalidDigestError } from './errors.ts'

/** Digest algorithms of the OCI image specification that this mirror accepts. */
export type DigestAlgorithm = 'sha256' | 'sha512'

declare const digestBrand: unique symbol

/** A content digest in canonical form, `sha256:<64 lower-case hex>` or `sha512:<128 lower-case hex>`. */
export type Digest = string & { readonly [digestBrand]: true }

const PATTERN = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/

/** Whether `text` is a digest as {@link parseDigest} accepts it. */
export function isDigest(text: string): text is Digest {
  return PATTERN.test(text)
}

/**
 * Parses a digest.
 * @throws {InvalidDigestError} for any other algorithm, a wrong length or upper-case hex.
 * @see https://github.com/opencontainers/image-spec/blob/main/descriptor.md#digests
 */
export function parseDigest(text: string): Digest {
  if (!isDigest(text)) throw new InvalidDigestError(text)
  return text
}

/** The algorithm part of `digest`. */
export function digestAlgorithm(digest: Digest): DigestAlgorithm {
  return digest.startsWith('sha512:') ? 'sha512' : 'sha256'
}

/** The hex part of `digest`; it names the file under `blobs/<algorithm>/`. */
export function digestHex(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1)
}

/** Digest of `content`, sha256 unless told. Synchronous: for manifests, not for layers. */
export function digestOf(content: Uint8Array, algorithm: DigestAlgorithm = 'sha256'): Digest {
  return parseDigest(`${algorithm}:${createHash(algorithm).update(content).digest('hex')}`)
}

/** Whether `content` hashes to `digest`. Synchronous: for manifests, not for layers. */
export function matchesDigest(content: Uint8Array, digest: Digest): boolean {
  return digestOf(content, digestAlgorithm(digest)) === digest
}

/** A running hash of `digest`'s algorithm; {@link finishDigest} turns it into a digest. */
export function startDigest(digest: Digest): Hash {
  return createHash(digestAlgorithm(digest))
}

/** The digest of everything given to `hash`, which {@link startDigest} made with the same `algorithm`. */
export function finishDigest(hash: Hash, algorithm: DigestAlgorithm): Digest {
  return parseDigest(`${algorithm}:${hash.digest('hex')}`)
}
