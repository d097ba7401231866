import { type Digest, isDigest } from './digest.ts'
import { InvalidReferenceError } from './errors.ts'
import { isRegistry, isRepository, isTag } from './names.ts'

/** Where an image lives: `registry` is a host with an optional port, `repository` a path below it. */
export interface Repository {
  readonly registry: string
  readonly repository: string
}

/** A mutable name, `registry/repository:tag`. */
export interface TagReference extends Repository {
  readonly kind: 'tag'
  readonly tag: string
}

/** Immutable content of a repository, `registry/repository@digest`. */
export interface DigestReference extends Repository {
  readonly kind: 'digest'
  readonly digest: Digest
}

/** What a client can ask a registry for. */
export type Reference = TagReference | DigestReference

/** `registry/repository:tag` or `registry/repository@digest`; {@link parseReference} reads it back. */
export function formatReference(reference: Reference): string {
  const name = `${reference.registry}/${reference.repository}`
  return reference.kind === 'tag' ? `${name}:${reference.tag}` : `${name}@${reference.digest}`
}

/**
 * What peers are looked up and advertised by: the digest where it is known (content is the same whatever its name),
 * else `registry/repository:tag`. Go Spegel uses the same keys.
 */
export function routingKey(reference: Reference): string {
  return reference.kind === 'digest' ? reference.digest : formatReference(reference)
}

/**
 * Parses a full image name: `registry/repository:tag`, `registry/repository@digest`, or `registry/repository:tag@digest`,
 * in which the digest decides and the tag is dropped. Nothing is defaulted; {@link parseImageName} does that.
 * @throws {InvalidReferenceError}
 */
export function parseReference(text: string): Reference {
  const invalid = (expected: string) => new InvalidReferenceError(text, expected)
  const [name = '', digest, ...more] = text.split('@', 3)
  const slash = name.indexOf('/')
  if (slash === -1 || more.length > 0) throw invalid('registry/repository:tag or registry/repository@digest')
  const registry = name.slice(0, slash)
  const [repository = '', tag, ...rest] = name.slice(slash + 1).split(':', 3)
  if (!isRegistry(registry)) throw invalid('a registry host with a dot or a port, or localhost, before the first slash')
  if (!isRepository(repository)) throw invalid('a repository of lower-case letters, digits and separators')
  if (rest.length > 0 || (tag !== undefined && !isTag(tag))) throw invalid('a tag of 1 to 128 of A-Z a-z 0-9 _ . -')
  if (digest !== undefined) {
    if (!isDigest(digest)) throw invalid('a digest sha256:<64 hex> or sha512:<128 hex> after the @')
    return { kind: 'digest', registry, repository, digest }
  }
  if (tag === undefined) throw invalid('a tag or a digest after the repository')
  return { kind: 'tag', registry, repository, tag }
}
