import type { Digest } from '../oci/digest.ts'

/**
 * How long the peers are remembered that a body broke off at. The client comes back for the rest at once, and records of
 * the peers are still there; a second try at the same peers would only cost it time.
 */
const REMEMBERED_MS = 10_000
/** Digests remembered; the oldest is forgotten first. */
const MAX_REMEMBERED = 1024

const NONE: ReadonlySet<string> = new Set()

interface Broken {
  readonly peers: ReadonlySet<string>
  readonly until: number
}

/** Digests that a client was just given a part of only, and the peers that failed then. */
export class BrokenDigests {
  readonly #now: () => number
  readonly #broken = new Map<Digest, Broken>()

  /** @param components.now milliseconds of a monotonic clock */
  constructor(components: { readonly now: () => number }) {
    this.#now = components.now
  }

  add(digest: Digest, peers: ReadonlySet<string>): void {
    const known = this.peers(digest)
    this.#broken.delete(digest)
    this.#broken.set(digest, { peers: new Set([...known, ...peers]), until: this.#now() + REMEMBERED_MS })
    if (this.#broken.size <= MAX_REMEMBERED) return
    const [oldest] = this.#broken.keys()
    if (oldest !== undefined) this.#broken.delete(oldest)
  }

  /** Ids of the peers not to be asked for `digest`. */
  peers(digest: Digest): ReadonlySet<string> {
    const broken = this.#broken.get(digest)
    return broken !== undefined && this.#now() < broken.until ? broken.peers : NONE
  }
}
