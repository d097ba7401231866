import { access, constants } from 'node:fs/promises'
import path from 'node:path'
import type { Log } from '../../observability/log.ts'
import { isMissing } from '../content-directory/content-files.ts'
import type { CallOptions } from '../store.ts'
import { ContainerdUnavailableError } from './errors.ts'
import type { IntrospectionService } from './services.ts'

/** How often a directory that can't be read is tried again. */
const RETRY_INTERVAL_MS = 10_000

export interface ContentRootComponents {
  readonly introspection: Pick<IntrospectionService, 'contentDirectory'>
  readonly log: Log
}

export interface ContentRootOptions {
  /** The directory, as this process sees it; empty: where containerd says that it is. */
  readonly contentPath: string
  /** Default: {@link RETRY_INTERVAL_MS}. */
  readonly retryIntervalMs?: number
}

/** Finds out where content can be read. A directory that was readable is taken to stay so. */
export class ContentRoot {
  readonly #components: ContentRootComponents
  readonly #contentPath: string
  readonly #retryIntervalMs: number
  #root: string | undefined
  #triedAtMs = -Infinity
  #hasWarned = false

  constructor(components: ContentRootComponents, options: ContentRootOptions) {
    this.#components = components
    this.#contentPath = options.contentPath
    this.#retryIntervalMs = options.retryIntervalMs ?? RETRY_INTERVAL_MS
  }

  /** The content directory; undefined where there is none that can be read, for which there is one warning. */
  async find({ signal }: CallOptions): Promise<string | undefined> {
    signal.throwIfAborted()
    if (this.#root !== undefined || performance.now() - this.#triedAtMs < this.#retryIntervalMs) return this.#root
    const directory = await this.#locate({ signal })
    if (directory === undefined) return undefined
    this.#triedAtMs = performance.now()
    const trouble = await troubleWith(directory)
    const { log } = this.#components
    if (trouble === undefined) {
      this.#root = directory
      if (this.#hasWarned) log.info('the content directory of containerd can be read', { directory })
    } else if (!this.#hasWarned) {
      this.#hasWarned = true
      log.warn('the content directory of containerd cannot be read: content is read over its socket, which is slower', {
        directory,
        error: trouble,
      })
    }
    return this.#root
  }

  /** Undefined while containerd does not say. */
  async #locate(options: CallOptions): Promise<string | undefined> {
    if (this.#contentPath !== '') return this.#contentPath
    try {
      return await this.#components.introspection.contentDirectory(options)
    } catch (error) {
      if (error instanceof ContainerdUnavailableError) return undefined
      throw error
    }
  }
}

/** Why content in `directory` can't be read. */
async function troubleWith(directory: string): Promise<unknown> {
  const readable = constants.R_OK | constants.X_OK
  try {
    await access(directory, readable)
  } catch (error) {
    return error
  }
  try {
    await access(path.join(directory, 'blobs'), readable)
    return undefined
  } catch (error) {
    // containerd makes it with the first content.
    return isMissing(error) ? undefined : error
  }
}
