import { mkdir, writeFile } from 'node:fs/promises'
import { constants } from 'node:os'
import { type Creation, durableChanges, type FileChanges } from '../../src/certs-d/file-changes.ts'

/** The process is dead: nothing that follows is done. */
export class Crash extends Error {}

/**
 * How the step that fails does: by half (a rename: not at all) or wholly, after which the process is dead; or there is no room for
 * it, after which the process lives on.
 */
export type Failure = 'torn' | 'done' | 'no room'

/** Changes of real files that fail at a step; the first is 0. */
export class FailingChanges implements FileChanges {
  readonly #inner: FileChanges = durableChanges()
  readonly #failAt: number
  readonly #failure: Failure
  /** Steps that were asked for. */
  steps = 0
  /** Those of them that can be left half done. */
  readonly creations: number[] = []

  constructor(failAt = Number.POSITIVE_INFINITY, failure: Failure = 'torn') {
    this.#failAt = failAt
    this.#failure = failure
  }

  create(file: string, creation: Creation): Promise<void> {
    return this.#step(
      () => this.#inner.create(file, creation),
      () => createHalf(file, creation),
    )
  }

  rename(from: string, to: string): Promise<void> {
    return this.#step(() => this.#inner.rename(from, to))
  }

  adjust(file: string, attributes: Parameters<FileChanges['adjust']>[1]): Promise<void> {
    return this.#step(() => this.#inner.adjust(file, attributes))
  }

  remove(file: string): Promise<void> {
    return this.#step(() => this.#inner.remove(file))
  }

  async #step(whole: () => Promise<void>, half?: () => Promise<void>): Promise<void> {
    const step = this.steps
    if (half !== undefined) this.creations.push(step)
    this.steps += 1
    if (step < this.#failAt || (step > this.#failAt && this.#failure === 'no room')) return await whole()
    if (step === this.#failAt && this.#failure === 'done') await whole()
    if (step === this.#failAt && this.#failure === 'torn') await half?.()
    if (this.#failure !== 'no room') throw new Crash()
    throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC', errno: -constants.errno.ENOSPC, syscall: 'write' })
  }
}

async function createHalf(file: string, creation: Creation): Promise<void> {
  if (creation.kind === 'directory') await mkdir(file, 0o700)
  if (creation.kind === 'file') await writeFile(file, creation.content.slice(0, creation.content.length / 2))
}
