import type { Log } from '../../observability/log.ts'
import { openInside, readOpened } from '../content-directory/content-files.ts'
import { INDEX_FILE, type LayoutImage, MAX_INDEX_BYTES, parseLayoutIndex } from './layout-index.ts'

/** The `index.json` of one layout, parsed again only when the file has changed. */
export class IndexFile {
  readonly #root: string
  readonly #log: Log
  #images: readonly LayoutImage[] = []
  #version = ''

  constructor(root: string, log: Log) {
    this.#root = root
    this.#log = log
  }

  /**
   * The images the layout lists at this moment. A file that is missing is logged, once: the path may be mistyped. So is one
   * that can't be read or parsed, which leaves what was listed before in force: it may be in the middle of being written by
   * a tool that does not rename into place.
   */
  async read(): Promise<readonly LayoutImage[]> {
    let version = 'unreadable'
    try {
      const opened = await openInside(this.#root, INDEX_FILE)
      version = opened === undefined ? 'missing' : `${opened.stat.ino} ${opened.stat.mtimeMs} ${opened.stat.size}`
      if (version === this.#version) {
        await opened?.handle.close()
      } else if (opened === undefined) {
        this.#images = []
        this.#log.warn('image layout has no index yet', { layout: this.#root })
      } else {
        this.#images = parseLayoutIndex(await readOpened(opened, MAX_INDEX_BYTES), opened.path)
      }
    } catch (error) {
      if (version !== this.#version) this.#log.warn('image layout index unusable', { layout: this.#root, error })
    }
    this.#version = version
    return this.#images
  }
}
