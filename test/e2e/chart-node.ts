import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { argumentsOf, containersOf, type KubernetesObject, objectNamed, podOf } from '../chart/render.ts'
import { FakeContainerd } from '../containerd/fake-containerd.ts'
import type { TestHost } from '../interop/network.ts'
import { until } from '../until.ts'
import { ChildProgram } from './containerd/child-program.ts'
import { spegelCommand } from './containerd/spegel-process.ts'

/** A mount namespace in which a node's paths are those of `$0` and of a containerd, and its `/etc` is written to `$0`. */
const AS_ON_NODE = `set -e
root=$0 run=$1 content=$2
shift 2
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/lib
mkdir -p /run/containerd /var/lib/spegel /var/lib/containerd/io.containerd.content.v1.content
mount --bind "$run" /run/containerd
mount --bind "$content" /var/lib/containerd/io.containerd.content.v1.content
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$root/etc,workdir=$root/work" /etc
exec "$@"`

/** For a test's `skip`: the reason where a process can't be given the paths of a node. */
export function unlessOverlays(): string | false {
  const script =
    'mount -t tmpfs tmpfs /mnt && cd /mnt && mkdir a b c && mount -t overlay overlay -o lowerdir=a,upperdir=b,workdir=c /mnt'
  const { status } = spawnSync('unshare', ['--mount', 'sh', '-c', script])
  return status === 0 ? false : 'overlay file systems cannot be mounted in a namespace'
}

export interface ChartNodeOptions {
  readonly host: TestHost
  /** What the chart rendered. */
  readonly objects: readonly KubernetesObject[]
  /** The text of `/etc/hosts`, by which services are found. */
  readonly hosts: string
}

/**
 * A node of a cluster that the chart was installed to, as far as Spegel sees it: the containers of its pod run with exactly
 * the arguments that were rendered, at the paths that they name, with the Secrets that are mounted there.
 */
export class ChartNode implements AsyncDisposable {
  readonly address: string
  readonly containerd: FakeContainerd
  readonly #options: ChartNodeOptions
  readonly #directory: string
  #registry: ChildProgram | undefined

  private constructor(options: ChartNodeOptions, parts: { containerd: FakeContainerd; directory: string }) {
    this.address = options.host.address
    this.containerd = parts.containerd
    this.#options = options
    this.#directory = parts.directory
  }

  static async create(options: ChartNodeOptions): Promise<ChartNode> {
    const directory = await mkdtemp(path.join(tmpdir(), 'spegel-chart-node-'))
    const node = new ChartNode(options, { containerd: await FakeContainerd.start(), directory })
    await node.#lay()
    return node
  }

  /** Runs the init container to its end, then the registry. */
  async start(): Promise<void> {
    await using configuration = this.#run('configuration')
    assert.equal(await configuration.exit(), 0, configuration.output)
    this.#registry = this.#run('registry')
  }

  get registry(): ChildProgram {
    if (this.#registry === undefined) throw new Error('the node has not started')
    return this.#registry
  }

  /** Waits until the registry's log says `message`. */
  async logged(message: string): Promise<void> {
    await until(() => {
      this.registry.assertRunning()
      return this.registry.output.includes(message)
    })
  }

  /** How containerd asks its mirrors: the `hosts.toml` for all registries. */
  async hostsToml(): Promise<string> {
    return await readFile(path.join(this.#directory, 'etc/containerd/certs.d/_default/hosts.toml'), 'utf8')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#registry?.[Symbol.asyncDispose]()
    await this.containerd[Symbol.asyncDispose]()
    await rm(this.#directory, { recursive: true, force: true })
  }

  async #lay(): Promise<void> {
    const { objects, hosts } = this.#options
    const etc = path.join(this.#directory, 'etc')
    for (const each of [etc, path.join(this.#directory, 'work')]) await mkdir(each)
    await writeFile(path.join(etc, 'hosts'), hosts)
    for (const { secretName, mountPath } of this.#secretMounts()) {
      const inEtc = path.join(this.#directory, path.relative('/', mountPath))
      await mkdir(inEtc, { recursive: true })
      for (const [name, data] of Object.entries(objectNamed(objects, 'Secret', secretName).data ?? {})) {
        await writeFile(path.join(inEtc, name), Buffer.from(data, 'base64'), { mode: 0o400 })
      }
    }
  }

  #pod() {
    const pod = podOf(objectNamed(this.#options.objects, 'DaemonSet', 'spegel'))
    assert.ok(pod !== undefined)
    return pod.spec
  }

  #secretMounts() {
    const pod = this.#pod()
    const mounts = containersOf(pod).flatMap(({ volumeMounts = [] }) => volumeMounts)
    return (pod.volumes ?? []).flatMap(({ name, secret }) =>
      mounts
        .filter(mount => secret !== undefined && mount.name === name)
        .map(({ mountPath }) => ({ mountPath, secretName: secret?.secretName ?? '' })),
    )
  }

  #run(name: string): ChildProgram {
    const container = containersOf(this.#pod()).find(each => each.name === name)
    assert.ok(container !== undefined)
    const { socket, contentDirectory } = this.containerd
    const paths = [this.#directory, path.dirname(socket), contentDirectory]
    const program = spegelCommand(...argumentsOf(container, this.address))
    const command = ['unshare', '--mount', 'sh', '-c', AS_ON_NODE, ...paths, ...program]
    return ChildProgram.start(name, this.#options.host.within(command))
  }
}
