import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import { type Digest, digestHex, digestOf } from '../../../src/oci/digest.ts'
import { fingerprintMediaType } from '../../../src/oci/media-type.ts'
import { formatReference, type TagReference } from '../../../src/oci/reference.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { until } from '../../until.ts'
import { run } from '../program.ts'
import { ChildProgram } from './child-program.ts'
import type { ContainerdBinary } from './containerd-binary.ts'
import { type ContainerdPaths, containerdConfig, containerdPaths } from './containerd-config.ts'

const NAMESPACE = 'k8s.io'

/** For a test's `skip`: the reason where containerd can't be run. */
export function unlessRoot(): string | false {
  return process.getuid?.() === 0 ? false : 'containerd needs root'
}

/** A real containerd that has a socket and nothing else, and a hand on what it holds. */
export class StoreHand implements AsyncDisposable {
  readonly paths: ContainerdPaths
  readonly namespace = NAMESPACE
  readonly #binary: ContainerdBinary
  readonly #directory: { readonly path: string } & AsyncDisposable
  /** What was put, for tags to be imported with. */
  readonly #contents = new Map<Digest, Buffer>()
  #program: ChildProgram | undefined
  #imports = 0

  private constructor(binary: ContainerdBinary, directory: { readonly path: string } & AsyncDisposable) {
    this.#binary = binary
    this.#directory = directory
    this.paths = containerdPaths(directory.path)
  }

  static async create(binary: ContainerdBinary): Promise<StoreHand> {
    const hand = new StoreHand(binary, await temporaryDirectory())
    const { config } = hand.paths
    await writeFile(
      config,
      containerdConfig(hand.paths, '').replace('disabled_plugins = [', '$&"io.containerd.grpc.v1.cri", '),
    )
    await hand.start()
    return hand
  }

  async start(): Promise<void> {
    const program = ChildProgram.start('containerd', [this.#binary.containerd, '--config', this.paths.config])
    this.#program = program
    await until(async () => {
      program.assertRunning()
      return await this.#ctr('version').then(
        () => true,
        () => false,
      )
    })
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.#program?.signal(signal)
    await this.#program?.exit()
  }

  async put(content: Buffer, namespace = NAMESPACE): Promise<Digest> {
    const digest = digestOf(content)
    this.#contents.set(digest, content)
    // What no image uses is garbage unless it is labelled, and containerd collects garbage soon after it started.
    await until(async () => {
      const [program, args] = this.#command(namespace, ['content', 'ingest', `put-${digest}`])
      const ingest = spawn(program, args, { stdio: ['pipe', 'ignore', 'ignore'] })
      ingest.stdin.end(content)
      await once(ingest, 'exit')
      return await run(...this.#command(namespace, ['content', 'label', digest, 'containerd.io/gc.root=now'])).then(
        () => true,
        () => false,
      )
    })
    return digest
  }

  /** Names content by importing an archive of it: `ctr` has no other way to name what has no name. */
  async tag(reference: TagReference, digest: Digest): Promise<void> {
    const content = this.#contents.get(digest) ?? Buffer.alloc(0)
    this.#imports += 1
    const root = path.join(this.#directory.path, `import-${this.#imports}`)
    await mkdir(path.join(root, 'blobs/sha256'), { recursive: true })
    await writeFile(path.join(root, 'blobs/sha256', digestHex(digest)), content)
    await writeFile(path.join(root, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
    const annotations = { 'io.containerd.image.name': formatReference(reference) }
    const manifests = [{ mediaType: fingerprintMediaType(content), digest, size: content.length, annotations }]
    await writeFile(path.join(root, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }))
    await run('tar', ['-C', root, '-cf', `${root}.tar`, '.'])
    await this.#ctr('images', 'import', '--local', '--no-unpack', '--all-platforms', `${root}.tar`).catch(() =>
      this.#ctr('images', 'import', '--no-unpack', '--all-platforms', `${root}.tar`),
    )
  }

  async untag(reference: TagReference): Promise<void> {
    await this.#ctr('images', 'rm', '--sync', formatReference(reference))
  }

  /** Removes content, and has containerd collect its garbage, so that the file goes too. */
  async remove(digest: Digest): Promise<void> {
    await this.#ctr('content', 'rm', digest)
    await this.#ctr('leases', 'create', '--id', 'collect')
    await this.#ctr('leases', 'delete', '--sync', 'collect')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program?.[Symbol.asyncDispose]()
    await this.#directory[Symbol.asyncDispose]()
  }

  async #ctr(...args: readonly string[]): Promise<string> {
    return await run(...this.#command(NAMESPACE, args))
  }

  #command(namespace: string, args: readonly string[]): [program: string, args: readonly string[]] {
    return [this.#binary.ctr, ['--address', this.paths.socket, '--namespace', namespace, ...args]]
  }
}
