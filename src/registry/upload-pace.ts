import type { ServerResponse } from 'node:http'
import { endShort } from '../http/body.ts'

/** How long a peer is watched before it is judged; the kernel takes some megabytes at once, and then nothing for a while. */
const WINDOW_MS = 60_000

/** The least that a peer must take in that time: 17 kB/s, which nobody waits for an image with. */
const MIN_BYTES = 1024 * 1024

export interface UploadPaceLimits {
  readonly windowMs: number
  readonly minBytes: number
}

const DEFAULT_LIMITS: UploadPaceLimits = { windowMs: WINDOW_MS, minBytes: MIN_BYTES }

/**
 * Ends an upload whose peer takes next to nothing: it would hold its slot, which others want, for as long as it likes. The
 * response ends with FIN, and the peer can go on elsewhere.
 */
export class UploadPace implements Disposable {
  readonly #timer: NodeJS.Timeout
  #bytes = 0

  constructor(response: ServerResponse, { windowMs, minBytes }: UploadPaceLimits = DEFAULT_LIMITS) {
    this.#timer = setInterval(() => {
      if (this.#bytes < minBytes) endShort(response)
      this.#bytes = 0
    }, windowMs)
  }

  /** To be told of bytes as they are sent. */
  add(bytes: number): void {
    this.#bytes += bytes
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }
}
