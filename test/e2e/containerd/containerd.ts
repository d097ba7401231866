import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { type Digest, digestHex } from '../../../src/oci/digest.ts'
import type { TestHost } from '../../interop/network.ts'
import { until } from '../../until.ts'
import { run } from '../program.ts'
import { ChildProgram } from './child-program.ts'
import type { ContainerdBinary } from './containerd-binary.ts'
import { type ContainerdPaths, containerdConfig, containerdPaths } from './containerd-config.ts'
import { criClient } from './cri-client.ts'

export interface ContainerdOptions {
  readonly host: TestHost
  readonly binary: ContainerdBinary
  /** Its own; exists. */
  readonly directory: string
  /** Size of the disk that content is on; undefined: no limit of its own. */
  readonly diskBytes: number | undefined
  /** Appended to the configuration file. */
  readonly config: string | undefined
}

export interface Credentials {
  readonly username: string
  readonly password: string
}

export interface PullOptions {
  readonly auth?: Credentials
  /** Breaks the pull off, as a kubelet that goes away does. */
  readonly signal?: AbortSignal
}

/** A real containerd on a host of the test network. */
export class Containerd implements AsyncDisposable {
  readonly paths: ContainerdPaths
  readonly #options: ContainerdOptions
  readonly #cri: ReturnType<typeof criClient>
  #program: ChildProgram | undefined

  private constructor(options: ContainerdOptions) {
    this.#options = options
    this.paths = containerdPaths(options.directory)
    this.#cri = criClient(this.paths.socket)
  }

  static async create(options: ContainerdOptions): Promise<Containerd> {
    const containerd = new Containerd(options)
    try {
      await containerd.#prepare()
      await containerd.start()
      return containerd
    } catch (error) {
      await containerd[Symbol.asyncDispose]()
      throw error
    }
  }

  get program(): ChildProgram {
    if (this.#program === undefined) throw new Error(`containerd in ${this.#options.directory} was not started`)
    return this.#program
  }

  /** Starts it where it is down, with variables such as `NAME=value`, and waits until it answers. */
  async start(variables: readonly string[] = []): Promise<void> {
    if (this.#program?.running) return
    const { host, binary } = this.#options
    const command = ['env', ...variables, binary.containerd, '--config', this.paths.config]
    const program = ChildProgram.start('containerd', host.within(command))
    this.#program = program
    await until(async () => {
      program.assertRunning()
      return await this.#cri.images.listImages({}).then(
        () => true,
        () => false,
      )
    })
  }

  /** The configuration that it makes of its files. */
  async dumpConfig(): Promise<string> {
    return await run(this.#options.binary.containerd, ['--config', this.paths.config, 'config', 'dump'])
  }

  /** Ends it as a service manager does, or as bad luck does. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    this.#program?.signal(signal)
    await this.#program?.exit()
  }

  async restart(variables: readonly string[] = []): Promise<void> {
    await this.stop()
    await this.start(variables)
  }

  /** Pulls as kubelet does. The result may be awaited later: a failure waits until then. */
  pull(image: string, options: PullOptions = {}): Promise<void> {
    const pulled = this.#pull(image, options)
    pulled.catch(() => {})
    return pulled
  }

  /** Removes the image under all its names, as kubelet does; containerd collects the garbage before it answers. */
  async remove(image: string): Promise<void> {
    await this.#cri.images.removeImage({ image: { image } })
  }

  /** Names of the images that kubelet is told of. */
  async images(): Promise<readonly string[]> {
    const { images } = await this.#cri.images.listImages({})
    return images.flatMap(({ repoTags, repoDigests }) => repoTags.concat(repoDigests))
  }

  /** The digest that kubelet is told for `image`; undefined where it is not there. */
  async digestOf(image: string): Promise<string | undefined> {
    const { image: found } = await this.#cri.images.imageStatus({ image: { image } })
    return found?.repoDigests[0]?.split('@')[1]
  }

  /** Runs `ctr` in the namespace of kubelet's images. */
  async ctr(...args: readonly string[]): Promise<string> {
    const command = [this.#options.binary.ctr, '--address', this.paths.socket, '--namespace', 'k8s.io', ...args]
    const [program = '', ...rest] = this.#options.host.within(command)
    return await run(program, rest)
  }

  /** Pulls with `ctr`, by way of the same mirror. */
  async ctrPull(image: string): Promise<void> {
    await this.ctr('images', 'pull', '--hosts-dir', this.paths.registryConfig, image)
  }

  /** Where content is once it is complete. */
  blobPath(digest: Digest): string {
    return path.join(this.paths.content, 'blobs/sha256', digestHex(digest))
  }

  /** Removes content behind containerd's back. */
  async removeBlob(digest: Digest): Promise<void> {
    await rm(this.blobPath(digest))
  }

  /** All complete content. */
  async digests(): Promise<readonly string[]> {
    return (await readdir(path.join(this.paths.content, 'blobs/sha256'))).map(name => `sha256:${name}`)
  }

  /** Bytes so far of each download that is not complete, by its digest. */
  async downloads(): Promise<ReadonlyMap<string, number>> {
    const directory = path.join(this.paths.content, 'ingest')
    const downloads = new Map<string, number>()
    for (const name of await readdir(directory).catch(() => [])) {
      try {
        const ref = await readFile(path.join(directory, name, 'ref'), 'utf8')
        downloads.set(ref.slice(ref.lastIndexOf('sha256:')), (await stat(path.join(directory, name, 'data'))).size)
      } catch (error) {
        if (!isNotFound(error)) throw error
      }
    }
    return downloads
  }

  /** Waits until some of `digest` has come, and not yet all. */
  async downloading(digest: Digest): Promise<void> {
    await until(async () => ((await this.downloads()).get(digest) ?? 0) > 0)
  }

  /** Hash of the bytes that are there for `digest`; undefined where it is not there. */
  async hashOf(digest: Digest): Promise<string | undefined> {
    const hash = createHash('sha256')
    try {
      for await (const chunk of createReadStream(this.blobPath(digest), { highWaterMark: 1024 * 1024 }))
        hash.update(chunk)
    } catch (error) {
      if (!isNotFound(error)) throw error
      return undefined
    }
    return `sha256:${hash.digest('hex')}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#cri[Symbol.dispose]()
    await this.#program?.[Symbol.asyncDispose]()
    for (const mount of await mountsUnder(this.paths.root)) await run('umount', ['--lazy', mount])
  }

  async #pull(image: string, { auth, signal }: PullOptions): Promise<void> {
    await this.#cri.images.pullImage(
      { image: { image }, ...(auth === undefined ? {} : { auth }) },
      signal === undefined ? {} : { signal },
    )
  }

  async #prepare(): Promise<void> {
    const { diskBytes, config = '' } = this.#options
    const { root, state, registryConfig } = this.paths
    for (const directory of [root, state, registryConfig]) await mkdir(directory, { recursive: true })
    if (diskBytes !== undefined) await run('mount', ['-t', 'tmpfs', '-o', `size=${diskBytes}`, 'disk', root])
    await writeFile(this.paths.config, containerdConfig(this.paths, config))
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

/** Mounts at `directory` or below, the last one first. One that was killed leaves its temporary mounts behind. */
async function mountsUnder(directory: string): Promise<readonly string[]> {
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n')
  const mounts = lines.map(line => line.split(' ')[4] ?? '')
  return mounts.filter(mount => mount === directory || mount.startsWith(`${directory}/`)).toReversed()
}
