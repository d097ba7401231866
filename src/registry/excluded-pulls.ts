import type { Reference } from '../oci/reference.ts'

/** How long after a request for an excluded tag what is asked for by digest is taken to be that image's. */
const EXCLUDED_MS = 10 * 60_000
/** Repositories remembered; the one that was asked for longest ago is forgotten first. */
const MAX_REPOSITORIES = 1024

/**
 * Repositories that local clients lately asked an excluded tag of. They then ask for its content by digest, which tells
 * nothing of the tag.
 */
export class ExcludedPulls {
  readonly #now: () => number
  readonly #askedAt = new Map<string, number>()

  /** @param components.now milliseconds of a monotonic clock */
  constructor(components: { readonly now: () => number }) {
    this.#now = components.now
  }

  add(reference: Reference): void {
    const name = nameOf(reference)
    this.#askedAt.delete(name)
    this.#askedAt.set(name, this.#now())
    const [oldest] = this.#askedAt.keys()
    if (oldest !== undefined && this.#askedAt.size > MAX_REPOSITORIES) this.#askedAt.delete(oldest)
  }

  /** Whether `reference` may be of such a pull. */
  has(reference: Reference): boolean {
    const askedAt = this.#askedAt.get(nameOf(reference))
    return askedAt !== undefined && this.#now() - askedAt < EXCLUDED_MS
  }
}

function nameOf({ registry, repository }: Reference): string {
  return `${registry}/${repository}`
}
