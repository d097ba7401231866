import { readFile, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Cluster, startCluster } from '../../test/e2e/containerd/cluster.ts'
import type { ContainerdBinary } from '../../test/e2e/containerd/containerd-binary.ts'
import type { E2eNode } from '../../test/e2e/containerd/e2e-node.ts'
import { configureDirect } from '../../test/e2e/containerd/hosts-toml.ts'
import type { Upstream, UpstreamImage } from '../../test/e2e/containerd/upstream/upstream.ts'
import { until } from '../../test/until.ts'
import { cpuMs } from '../process-usage.ts'

/** After this, lookups in a mesh of this size no longer ask more members than they need to, for the sake of new ones. */
const SETTLE_MS = 11_000

/** By way of the mirrors, or past them. */
export type Way = 'mirror' | 'direct'

/** One or more nodes that pulled an image at once. */
export interface Burst {
  /** From the common start to the last commit on the node where that came last; what is unpacked then does not count. */
  readonly seconds: number
  /** How far apart the pulls were started. */
  readonly spreadMs: number
  /** GET requests to upstream for each piece of content, manifests first. */
  readonly fetches: readonly number[]
  readonly upstreamBytes: number
  /** What the mirror of each node sent to others. */
  readonly uploadedBytes: readonly number[]
  /** Seconds of all processes of a kind together. */
  readonly cpu: { readonly mirrors: number; readonly containerds: number }
}

/** Real containerds with mirrors that know each other, and an upstream registry. */
export class Stage implements AsyncDisposable {
  readonly nodes: readonly E2eNode[]
  readonly upstream: Upstream
  readonly #cluster: Cluster<number>
  /** What makes a containerd ask its mirror first, by node. */
  readonly #mirrored: ReadonlyMap<E2eNode, string>
  readonly #setAtMs = performance.now()

  private constructor(cluster: Cluster<number>, mirrored: ReadonlyMap<E2eNode, string>) {
    this.#cluster = cluster
    this.#mirrored = mirrored
    this.nodes = cluster.nodes
    this.upstream = cluster.upstream
  }

  static async set(binary: ContainerdBinary, count: number): Promise<Stage> {
    const cluster: Cluster<number> = await startCluster(binary, { nodes: count })
    try {
      const nodes: readonly E2eNode[] = cluster.nodes
      await until(async () => {
        const peers = await Promise.all(nodes.map(({ spegel }) => spegel.metric('spegel_peers')))
        return peers.every(known => known === count - 1)
      })
      const hosts = nodes.map(async node => [node, await readFile(hostsFile(node, cluster.upstream), 'utf8')] as const)
      return new Stage(cluster, new Map(await Promise.all(hosts)))
    } catch (error) {
      await cluster[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Waits until the nodes have known each other for a while, as those of a cluster mostly do. */
  async settled(): Promise<void> {
    await sleep(Math.max(0, this.#setAtMs + SETTLE_MS - performance.now()))
  }

  node(index: number): E2eNode {
    const node = this.nodes[index]
    if (node === undefined) throw new RangeError(`no node ${index}`)
    return node
  }

  /** How containerd on `node` reaches the registry from now on. */
  async lead(node: E2eNode, way: Way): Promise<void> {
    if (way === 'direct') await configureDirect(node.containerd.paths.registryConfig, this.upstream.registry)
    else await writeFile(hostsFile(node, this.upstream), this.#mirrored.get(node) ?? '')
  }

  /** Lets containerd on `node` ask what listens on `port` of this process instead of its mirror. */
  async leadBy(node: E2eNode, port: number): Promise<void> {
    const mirrored = this.#mirrored.get(node) ?? ''
    const target = `http://${this.upstream.registry}:${port}`
    await writeFile(hostsFile(node, this.upstream), mirrored.replaceAll(node.spegel.url, target))
  }

  /** Removes `image` from all nodes, and waits until no mirror finds any of it. */
  async forget(image: UpstreamImage): Promise<void> {
    await Promise.all(this.nodes.map(node => node.remove(image.name)))
    for (const node of this.nodes) for (const digest of image.contents.keys()) await node.misses(image, digest)
  }

  /** Lets `nodes` pull `image`, which nobody has, at the same moment; nobody has it afterwards. */
  async pull(image: UpstreamImage, nodes: readonly E2eNode[], way: Way): Promise<Burst> {
    for (const node of nodes) await this.lead(node, way)
    this.upstream.forget()
    const uploads = await this.#uploads()
    const cpu = await cpuSeconds(this.nodes)
    const startedAt = Date.now()
    const starts: number[] = []
    const pulls = nodes.map(node => {
      starts.push(Date.now() - startedAt)
      return node.pull(image.name)
    })
    await Promise.all(pulls)
    const after = await cpuSeconds(this.nodes)
    for (const node of nodes) await node.assertHolds(image)
    const commits = await Promise.all(nodes.map(node => lastCommit(node, image)))
    const burst = {
      seconds: (Math.max(...commits) - startedAt) / 1000,
      spreadMs: Math.max(...starts),
      fetches: [...image.contents.keys()].map(digest => this.upstream.requestsOf(digest).length),
      upstreamBytes: this.upstream.bytes,
      uploadedBytes: (await this.#uploads()).map((bytes, index) => bytes - (uploads[index] ?? 0)),
      cpu: { mirrors: after.mirrors - cpu.mirrors, containerds: after.containerds - cpu.containerds },
    }
    await this.forget(image)
    return burst
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cluster[Symbol.asyncDispose]()
  }

  async #uploads(): Promise<readonly number[]> {
    return await Promise.all(this.nodes.map(({ spegel }) => spegel.metric('spegel_upload_bytes_total')))
  }
}

function hostsFile(node: E2eNode, { registry }: Upstream): string {
  return path.join(node.containerd.paths.registryConfig, registry, 'hosts.toml')
}

/** When `node` had all of `image`: a commit renames the file, which its inode remembers. */
async function lastCommit(node: E2eNode, image: UpstreamImage): Promise<number> {
  const files = [...image.contents.keys()].map(digest => stat(node.containerd.blobPath(digest)))
  return Math.max(...(await Promise.all(files)).map(({ ctimeMs }) => ctimeMs))
}

async function cpuSeconds(nodes: readonly E2eNode[]): Promise<Burst['cpu']> {
  let [mirrors, containerds] = [0, 0]
  for (const { spegel, containerd } of nodes) {
    mirrors += (await cpuMs(spegel.program.pid)) / 1000
    containerds += (await cpuMs(containerd.program.pid)) / 1000
  }
  return { mirrors, containerds }
}
