import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import { until } from '../driven-mesh.ts'

const MIB = 1024 * 1024

/** A control group that limits the memory of the processes in it, page cache included. Version 1 leaves socket buffers out. */
export class MemoryGroup implements AsyncDisposable {
  readonly #directory: string

  private constructor(directory: string) {
    this.#directory = directory
  }

  /** Makes a group below that of this process (version 1 of the interface) with a limit; undefined where that can't be. */
  static async create(limitMiB: number): Promise<MemoryGroup | undefined> {
    try {
      const own = /^\d+:memory:(.*)$/m.exec(await readFile('/proc/self/cgroup', 'utf8'))?.[1]
      if (own === undefined) return undefined
      const directory = path.join('/sys/fs/cgroup/memory', own, `spegel-bench-${process.pid}`)
      await mkdir(directory)
      await writeFile(path.join(directory, 'memory.limit_in_bytes'), String(limitMiB * MIB))
      return new MemoryGroup(directory)
    } catch {
      return undefined
    }
  }

  async add(pid: number): Promise<void> {
    await writeFile(path.join(this.#directory, 'cgroup.procs'), String(pid))
  }

  /** To be called once its processes have ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    await until(
      async () =>
        await rmdir(this.#directory).then(
          () => true,
          () => false,
        ),
    )
  }
}
