import { type FSWatcher, watch } from 'node:fs'
import { stat } from 'node:fs/promises'
import path from 'node:path'
import { ChangeSignal } from './change-signal.ts'

/** A directory that is being watched, as it was when the watch began. */
interface Watched {
  readonly identity: string
  /** Undefined where the system refuses to watch it. */
  readonly watcher: FSWatcher | undefined
}

/** Is told the name of what came into `directory` or left it, with no word on which of the two. */
export type NoticeEntry = (directory: string, name: string) => void

/**
 * Tells of changes in directories, which need not exist: they may come, go and be replaced (a medium that is plugged in
 * and mounted). The kernel tells of what happens in a directory that is watched, not that another took its path, so
 * {@link DirectoryChanges.arm} has to be called after a change and from time to time.
 */
export class DirectoryChanges implements Disposable {
  readonly #directories: readonly string[]
  readonly #notice: NoticeEntry | undefined
  readonly #watched = new Map<string, Watched>()
  readonly #changes = new ChangeSignal()
  #disposed = false

  /** @param notice called besides for each change that the kernel names */
  constructor(directories: readonly string[], notice?: NoticeEntry) {
    this.#directories = directories
    this.#notice = notice
  }

  /** Forgets earlier changes; before looking at the directories, never after. */
  clear(): void {
    this.#changes.clear()
  }

  /**
   * Watches the directories that are there now.
   * @returns whether they are others than before, or may have changed unnoticed because the system can't watch them
   */
  async arm(): Promise<boolean> {
    const identities = await Promise.all(this.#directories.map(identify))
    if (this.#disposed) return false
    let changed = false
    for (const [position, directory] of this.#directories.entries()) {
      const identity = identities[position]
      const before = this.#watched.get(directory)
      if (before?.identity === identity && before?.watcher !== undefined) continue
      if (before === undefined && identity === undefined) continue
      changed = true
      before?.watcher?.close()
      if (identity === undefined) this.#watched.delete(directory)
      else this.#watched.set(directory, { identity, watcher: this.#watch(directory) })
    }
    return changed
  }

  /** Whether a directory is missing that would come without a notification: its parent is none of those watched. */
  isBlind(): boolean {
    const isMissing = (directory: string): boolean => !this.#watched.has(directory)
    return this.#directories.some(it => isMissing(it) && !this.#directories.includes(path.dirname(it)))
  }

  /** Waits for a change since the last call of {@link clear}, but not longer than `timeoutMs`. */
  wait(options: { signal: AbortSignal; timeoutMs: number }): Promise<'told' | 'timeout'> {
    return this.#changes.wait(options)
  }

  [Symbol.dispose](): void {
    this.#disposed = true
    for (const { watcher } of this.#watched.values()) watcher?.close()
    this.#watched.clear()
  }

  #watch(directory: string): FSWatcher | undefined {
    try {
      const watcher = watch(directory, { persistent: false }, (kind, name) => {
        if (kind === 'rename' && name !== null) this.#notice?.(directory, name)
        this.#changes.tell()
      })
      watcher.on('error', () => this.#changes.tell())
      return watcher
    } catch {
      // Gone again, or out of inotify watches: the next call of arm() tries again.
      return undefined
    }
  }
}

/** What tells one directory from another at the same path; undefined where there is none. */
async function identify(directory: string): Promise<string | undefined> {
  try {
    const { dev, ino, birthtimeMs } = await stat(directory)
    return `${dev} ${ino} ${birthtimeMs}`
  } catch {
    return undefined
  }
}
