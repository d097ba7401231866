import type { Digest } from './digest.ts'

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
