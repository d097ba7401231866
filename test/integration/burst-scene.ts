import { randomFillSync } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import type { PullProgress } from '../../src/cli/pull/progress.ts'
import { type PullResult, pullImage } from '../../src/cli/pull/pull-image.ts'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import type { TagReference } from '../../src/oci/reference.ts'
import { imageOf, sampleTag } from '../contracts/sample-image.ts'
import { freePorts, type Ports } from '../free-ports.ts'
import { temporaryDirectory } from '../temporary-directory.ts'
import { until } from '../until.ts'
import { PacedRegistry } from './paced-registry.ts'
import { RegistryProcess } from './registry-process.ts'

const PLATFORM = { os: 'linux', architecture: 'amd64' }

/** A new image in a registry of its own. */
export interface OfferedImage {
  readonly reference: TagReference
  readonly upstream: PacedRegistry
  /** All content that a pull gets. */
  readonly digests: readonly Digest[]
  /** The last layer. */
  readonly layer: Digest
}

export interface OfferOptions {
  readonly repository: string
  readonly layerBytes: readonly number[]
  readonly bytesPerSecond: number
}

/** A pull into the layout of one node, by its mirror. */
export class ScenePull {
  readonly result: Promise<PullResult>
  readonly #stop = new AbortController()
  readonly #fromUpstream = new Map<Digest, number>()

  constructor(node: RegistryProcess, options: { readonly image: OfferedImage; readonly into: string }) {
    const progress: PullProgress = {
      started: () => undefined,
      advanced: (digest, bytes, source) => {
        if (source === 'upstream') this.#fromUpstream.set(digest, this.fromUpstream(digest) + bytes)
      },
      finished: () => undefined,
    }
    const { image, into } = options
    const hosts = { mirror: new URL(node.url), upstream: image.upstream.url }
    const request = { reference: image.reference, ...hosts, into, platform: PLATFORM, progress }
    this.result = pullImage(request, { signal: this.#stop.signal })
    this.result.catch(() => undefined)
  }

  /** Bytes of `digest` that came from the registry itself. */
  fromUpstream(digest: Digest): number {
    return this.#fromUpstream.get(digest) ?? 0
  }

  /** Ends the pull, as when its process is killed: what is staged stays. */
  abort(): void {
    this.#stop.abort()
  }
}

/** Real nodes that know each other and hold nothing at first. */
export interface BurstScene extends AsyncDisposable {
  readonly nodes: readonly RegistryProcess[]
  /** Puts a new image into a slow registry of its own, where no node has it from. */
  offer(options: OfferOptions): Promise<OfferedImage>
  layout(index: number): string
  pull(image: OfferedImage, index: number): ScenePull
  /** A metric of a node; 0 where it has none. */
  metric(index: number, name: string): Promise<number>
}

/** Starts a node for each entry of `flags`, with these flags. */
export async function setBurstScene(flags: readonly (readonly string[])[]): Promise<BurstScene> {
  await using stack = new AsyncDisposableStack()
  const directory = stack.use(await temporaryDirectory())
  const ports = await freePorts()
  const layout = (index: number): string => path.join(directory.path, String(index))
  const nodes: RegistryProcess[] = []
  for (const index of flags.keys()) {
    await mkdir(layout(index))
    nodes.push(stack.use(startNode(index, { ports, layout: layout(index), flags })))
  }
  await Promise.all(nodes.map(node => node.ready()))
  await until(async () => {
    const counts = await Promise.all(nodes.map(node => metricOf(node, 'spegel_peers')))
    return counts.every(count => count === nodes.length - 1)
  })
  const nodeAt = (index: number): RegistryProcess => {
    const node = nodes[index]
    if (node === undefined) throw new RangeError(`no node ${index}`)
    return node
  }
  const owned = stack.move()
  return {
    nodes,
    layout,
    offer: async options => {
      const { image, upstream } = await offer(options)
      owned.use(upstream)
      return image
    },
    pull: (image, index) => new ScenePull(nodeAt(index), { image, into: layout(index) }),
    metric: (index, name) => metricOf(nodeAt(index), name),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

async function offer({ repository, layerBytes, bytesPerSecond }: OfferOptions) {
  const layers = layerBytes.map(size => randomFillSync(Buffer.alloc(size)))
  const image = imageOf(layers, repository)
  const upstream = await PacedRegistry.start(image, { tag: sampleTag.tag, bytesPerSecond })
  const digests = [image.index, image.manifest, image.config, ...image.layers].map(({ content }) => digestOf(content))
  const [layer] = digests.slice(-1)
  if (layer === undefined) throw new RangeError('an image without content')
  return { upstream, image: { reference: { ...sampleTag, repository }, upstream, digests, layer } }
}

function host(index: number): string {
  return `127.0.0.${index + 1}`
}

function startNode(
  index: number,
  options: { readonly ports: Ports; readonly layout: string; readonly flags: readonly (readonly string[])[] },
): RegistryProcess {
  const { ports, layout, flags } = options
  const peers = [...flags.keys()].filter(other => other !== index).map(host)
  return RegistryProcess.start({ host: host(index), ports, layout, peers, flags: flags[index] ?? [] })
}

async function metricOf(node: RegistryProcess, name: string): Promise<number> {
  const text = await (await fetch(`${node.metricsUrl}/metrics`)).text()
  const line = text.split('\n').find(line => line.startsWith(`${name} `))
  return line === undefined ? 0 : Number(line.slice(name.length))
}
