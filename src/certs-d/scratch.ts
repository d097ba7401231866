import path from 'node:path'
import type { FileChanges } from './file-changes.ts'

/** Only its owner may look at what is not in force. */
const ATTRIBUTES = { mode: 0o700 }

/**
 * A directory for what is not complete yet or no longer in force, on the same file system as what is. It is made when it
 * is first needed.
 */
export class Scratch {
  readonly #changes: FileChanges
  readonly #directory: string
  #count = 0

  constructor(changes: FileChanges, directory: string) {
    this.#changes = changes
    this.#directory = directory
  }

  /** A path at which nothing is. */
  async place(): Promise<string> {
    if (this.#count === 0) await this.#changes.create(this.#directory, { kind: 'directory', attributes: ATTRIBUTES })
    this.#count += 1
    return path.join(this.#directory, String(this.#count))
  }

  /** Whether anything was put there. */
  get isUsed(): boolean {
    return this.#count > 0
  }

  /** Takes something out of force at once, whatever it holds. */
  async takeAway(file: string): Promise<void> {
    await this.#changes.rename(file, await this.place())
  }

  /** Removes the directory and all that was put there. */
  async clear(): Promise<void> {
    if (this.isUsed) await this.#changes.remove(this.#directory)
  }
}
