import type { Digest } from '../oci/digest.ts'
import type { Clock } from '../routing/clock.ts'

/** How long a request of a local client tells what its download is of: longer than any layer takes. */
const ASKED_TTL_MS = 6 * 3600_000
/**
 * How long after its request to this node a client is taken to be fetching the content, though nothing may come of it: what
 * was sent upstream waits there for its turn, in containerd 2.x until other layers are complete.
 */
const EXPECTED_MS = 10 * 60_000
/** Digests remembered; the one that was asked for longest ago is forgotten first. */
const MAX_ASKED = 10_000

interface Asked {
  /** When the last request began or ended. */
  at: number
  running: number
}

/**
 * The digests that local clients asked for, and may have. Content that is being written has no name, so this is what tells
 * a peer's request for it from one for an image that is not to be shared.
 */
export class AskedContent {
  readonly #clock: Pick<Clock, 'now'>
  readonly #asked = new Map<Digest, Asked>()

  constructor(components: { readonly clock: Pick<Clock, 'now'> }) {
    this.#clock = components.clock
  }

  /** A local client asks for `digest`; what is returned is disposed of when it has its answer. */
  begin(digest: Digest): Disposable {
    const asked = this.#asked.get(digest) ?? { at: 0, running: 0 }
    this.#asked.delete(digest)
    this.#asked.set(digest, asked)
    asked.at = this.#clock.now()
    asked.running += 1
    const [oldest] = this.#asked.keys()
    if (oldest !== undefined && this.#asked.size > MAX_ASKED) this.#asked.delete(oldest)
    return {
      [Symbol.dispose]: () => {
        asked.at = this.#clock.now()
        asked.running -= 1
      },
    }
  }

  has(digest: Digest): boolean {
    return this.#isWithin(digest, ASKED_TTL_MS)
  }

  /** Whether a local client is at it: it waits for this node's answer, or has lately been sent elsewhere. */
  isExpected(digest: Digest): boolean {
    return this.#isWithin(digest, EXPECTED_MS)
  }

  #isWithin(digest: Digest, ms: number): boolean {
    const asked = this.#asked.get(digest)
    return asked !== undefined && (asked.running > 0 || this.#clock.now() - asked.at < ms)
  }
}
