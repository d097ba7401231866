import type { Descriptor } from '../../oci/descriptor.ts'
import type { Digest } from '../../oci/digest.ts'
import { formatBytes } from '../byte-text.ts'
import type { CommandContext } from '../command.ts'
import type { PullProgress } from './progress.ts'

/** Shortest time between two drawings. */
const REDRAW_INTERVAL_MS = 100
const DEFAULT_COLUMNS = 80
/** What a line holds beside its bar: a short digest, the amounts and the spaces between. */
const COLUMNS_BESIDE_BAR = 48
const MAX_BAR_COLUMNS = 40
const SHORT_DIGEST_CHARACTERS = 12

interface Download {
  readonly name: string
  readonly size: number
  done: number
}

/** A bar a download on a terminal. Those under way are redrawn in place below those that are finished. */
export class ProgressBars implements PullProgress {
  readonly #terminal: CommandContext['stderr']
  readonly #now: () => number
  readonly #downloads = new Map<Digest, Download>()
  #drawnLines = 0
  #drawnAtMs = Number.NEGATIVE_INFINITY

  constructor(terminal: CommandContext['stderr'], now: () => number = () => performance.now()) {
    this.#terminal = terminal
    this.#now = now
  }

  started({ digest, size }: Descriptor, offset: number): void {
    const name = digest.slice(digest.indexOf(':') + 1).slice(0, SHORT_DIGEST_CHARACTERS)
    this.#downloads.set(digest, { name, size, done: offset })
    this.#draw('')
  }

  advanced(digest: Digest, bytes: number): void {
    const download = this.#downloads.get(digest)
    if (download === undefined) return
    download.done += bytes
    if (this.#now() - this.#drawnAtMs >= REDRAW_INTERVAL_MS) this.#draw('')
  }

  finished(digest: Digest): void {
    const download = this.#downloads.get(digest)
    if (download === undefined) return
    this.#downloads.delete(digest)
    this.#draw(`${this.#line({ ...download, done: download.size })}\n`)
  }

  /** Replaces what is drawn by `above` and the bars of what is under way. */
  #draw(above: string): void {
    const bars = [...this.#downloads.values()].map(download => `${this.#line(download)}\n`)
    const erase = this.#drawnLines > 0 ? `\x1b[${this.#drawnLines}A\x1b[J` : ''
    this.#terminal.write(erase + above + bars.join(''))
    this.#drawnLines = bars.length
    this.#drawnAtMs = this.#now()
  }

  #line({ name, size, done }: Download): string {
    const columns = this.#terminal.columns ?? DEFAULT_COLUMNS
    const width = Math.max(0, Math.min(MAX_BAR_COLUMNS, columns - COLUMNS_BESIDE_BAR))
    const filled = size === 0 ? width : Math.floor((width * done) / size)
    const bar = '█'.repeat(filled) + '░'.repeat(width - filled)
    return `${name} ${bar} ${formatBytes(done)} of ${formatBytes(size)}`
  }
}
