import { Worker } from 'node:worker_threads'
import type { DigestAlgorithm } from '../oci/digest.ts'
import type { CallOptions } from '../store/store.ts'
import { FileHashError } from './errors.ts'

/** How long the thread is kept with nothing to do: starting one costs less than what an idle one holds. */
const IDLE_MS = 10_000

/** The thread runs a loop over one buffer; V8 would otherwise let its heap grow as that of a program of its own. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1, stackSizeMb: 1 }

/** What is to be hashed: the first `size` bytes of an open file. */
export interface HashedFile {
  readonly fd: number
  readonly size: number
  readonly algorithm: DigestAlgorithm
}

/** Hashes files away from the event loop. */
export interface FileHasher {
  /**
   * The hash in lower-case hex; of fewer than `size` bytes where the file ends before. One call at a time. The file is no
   * longer read once this has settled.
   * @throws {FileHashError} where the file can't be read
   * @throws the reason of `signal`, where that aborts
   */
  hash(file: HashedFile, options: CallOptions): Promise<string>
}

/** A {@link FileHasher} on one thread, which is started when it is needed and ended once it is idle. */
export class HashWorker implements FileHasher, AsyncDisposable {
  readonly #idleMs: number
  #worker: Worker | undefined
  #idle: NodeJS.Timeout | undefined

  constructor({ idleMs = IDLE_MS }: { readonly idleMs?: number } = {}) {
    this.#idleMs = idleMs
  }

  /** Whether there is a thread. */
  get running(): boolean {
    return this.#worker !== undefined
  }

  async hash(file: HashedFile, { signal }: CallOptions): Promise<string> {
    signal.throwIfAborted()
    clearTimeout(this.#idle)
    const worker = (this.#worker ??= start())
    worker.ref()
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    const onMessage = (answer: HashAnswer): void => {
      if ('hex' in answer) resolve(answer.hex)
      else reject(new FileHashError(answer.error))
    }
    const onEnd = (cause: unknown): void => reject(new FileHashError('the thread ended', { cause }))
    const onAbort = (): void => reject(signal.reason)
    worker.on('message', onMessage).on('error', onEnd).on('exit', onEnd)
    signal.addEventListener('abort', onAbort)
    let isWhole = false
    try {
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- this is no window
      worker.postMessage(file)
      const hex = await promise
      isWhole = true
      return hex
    } catch (error) {
      isWhole = error instanceof FileHashError && error.cause === undefined
      throw error
    } finally {
      signal.removeEventListener('abort', onAbort)
      worker.off('message', onMessage).off('exit', onEnd)
      // A thread that is still reading must be gone before the file is closed: the number may then be another file's.
      if (isWhole) this.#rest(worker)
      else await this.#end()
      worker.off('error', onEnd)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end()
  }

  #rest(worker: Worker): void {
    worker.unref()
    this.#idle = setTimeout(() => void this.#end(), this.#idleMs).unref()
  }

  async #end(): Promise<void> {
    clearTimeout(this.#idle)
    const worker = this.#worker
    this.#worker = undefined
    await worker?.terminate()
  }
}

type HashAnswer = { readonly hex: string } | { readonly error: string }

function start(): Worker {
  // From its source, because the program is one file, which a thread would otherwise load whole.
  return new Worker(`(${hashFiles.toString()})()`, { eval: true, resourceLimits: RESOURCE_LIMITS })
}

/** What the thread runs. Uses nothing from around it. */
function hashFiles(): void {
  const { process } = globalThis
  const { readSync } = process.getBuiltinModule('node:fs')
  const { createHash } = process.getBuiltinModule('node:crypto')
  const { parentPort } = process.getBuiltinModule('node:worker_threads')
  const buffer = Buffer.allocUnsafeSlow(256 * 1024)

  const hashFile = ({ fd, size, algorithm }: HashedFile): HashAnswer => {
    try {
      const hash = createHash(algorithm)
      for (let position = 0; position < size; ) {
        const read = readSync(fd, buffer, 0, Math.min(buffer.length, size - position), position)
        if (read === 0) break
        hash.update(buffer.subarray(0, read))
        position += read
      }
      return { hex: hash.digest('hex') }
    } catch (error) {
      return { error: String(error) }
    }
  }
  parentPort?.on('message', (file: HashedFile) => {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- this is no window
    parentPort.postMessage(hashFile(file))
  })
}
