import type { Log } from '../observability/log.ts'
import { InvalidManifestError } from '../oci/errors.ts'
import { childDigests, parseManifest } from '../oci/manifest.ts'
import type { Router } from '../routing/router.ts'

/** Lookups under way at once; of a manifest with more children the rest are looked up when they are asked for. */
const MAX_LOOKUPS = 64
/** Clients ask for the children long before this. */
const LOOKUP_TIMEOUT_MS = 1000

/**
 * Looks up the children of manifests that pass through, in the background: the client will ask for them next, and the
 * router then has the answer at hand.
 */
export class ChildLookups {
  readonly #router: Router
  readonly #log: Log
  readonly #stop = new AbortController()
  readonly #running = new Set<Promise<void>>()

  constructor(components: { readonly router: Router; readonly log: Log }) {
    this.#router = components.router
    this.#log = components.log
  }

  /** Starts lookups of what the manifest `content` refers to. */
  start(content: Uint8Array): void {
    for (const digest of children(content)) {
      if (this.#running.size >= MAX_LOOKUPS || this.#stop.signal.aborted) return
      const lookup = this.#lookup(digest).finally(() => this.#running.delete(lookup))
      this.#running.add(lookup)
    }
  }

  /** Ends lookups under way. */
  async close(): Promise<void> {
    this.#stop.abort()
    await Promise.all(this.#running)
  }

  async #lookup(key: string): Promise<void> {
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(LOOKUP_TIMEOUT_MS)])
    try {
      // Drained, because a lookup given up at its first answer leaves the router with that answer only.
      await Array.fromAsync(this.#router.lookup(key, { signal }))
    } catch (error) {
      this.#log.error('lookup failed', { key, error })
    }
  }
}

function children(content: Uint8Array): readonly string[] {
  try {
    return childDigests(parseManifest(content))
  } catch (error) {
    // The digest is right, so it is what the client wants; artifacts need not be images.
    if (error instanceof InvalidManifestError) return []
    throw error
  }
}
