import { access, mkdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { until } from './driven-mesh.ts'

const V2_ROOT = '/sys/fs/cgroup'
const V1_ROOT = '/sys/fs/cgroup/memory'
const MIB = 1024 * 1024

/** What a group of processes has had of memory, MiB. */
export interface MemoryUse {
  /** What can't be dropped: heap, buffers, stacks. */
  readonly anonymous: number
  /** All that counts against the limit, page cache too, which fills what there is of it. */
  readonly peak: number
  /** Processes that the kernel has ended for lack of memory. */
  readonly killed: number
}

/** A cgroup with a hard limit of memory, of version 2 where the machine's memory controller is there, else of version 1. */
export class MemoryGroup implements AsyncDisposable {
  readonly version: 1 | 2
  readonly #directory: string

  private constructor(version: 1 | 2, directory: string) {
    this.version = version
    this.#directory = directory
  }

  /** Needs root. */
  static async create(limitMiB: number): Promise<MemoryGroup> {
    const name = `spegel-bench-${process.pid}`
    const controllers = await readFile(path.join(V2_ROOT, 'cgroup.controllers'), 'utf8').catch(() => '')
    if (controllers.split(/\s/).includes('memory')) {
      await writeFile(path.join(V2_ROOT, 'cgroup.subtree_control'), '+memory')
      const group = new MemoryGroup(2, path.join(V2_ROOT, name))
      await mkdir(group.#directory)
      await group.#write({ 'memory.max': limitMiB * MIB, 'memory.swap.max': 0 })
      return group
    }
    await access(V1_ROOT)
    const group = new MemoryGroup(1, path.join(V1_ROOT, name))
    await mkdir(group.#directory)
    await group.#write({ 'memory.limit_in_bytes': limitMiB * MIB, 'memory.swappiness': 0 })
    return group
  }

  /** The command line that runs `command` in the group, from its first instruction. */
  within(command: readonly string[]): readonly string[] {
    return ['sh', '-c', 'echo $$ > "$0" && exec "$@"', path.join(this.#directory, 'cgroup.procs'), ...command]
  }

  async use(): Promise<MemoryUse> {
    const v1 = this.version === 1
    const stat = await this.#read('memory.stat')
    const events = await this.#read(v1 ? 'memory.oom_control' : 'memory.events')
    const peak = Number(await this.#read(v1 ? 'memory.max_usage_in_bytes' : 'memory.peak'))
    return {
      anonymous: field(stat, v1 ? 'total_rss' : 'anon') / MIB,
      peak: peak / MIB,
      killed: field(events, 'oom_kill'),
    }
  }

  /** Its processes have to have ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    // The kernel takes a moment to let go of them.
    await until(() =>
      rmdir(this.#directory).then(
        () => true,
        () => false,
      ),
    )
  }

  async #write(settings: Readonly<Record<string, number>>): Promise<void> {
    for (const [name, value] of Object.entries(settings)) await writeFile(path.join(this.#directory, name), `${value}`)
  }

  #read(name: string): Promise<string> {
    return readFile(path.join(this.#directory, name), 'utf8')
  }
}

function field(text: string, name: string): number {
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? 0)
}
