import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { isManifestMediaType } from '../../src/oci/media-type.ts'
import type { TagReference } from '../../src/oci/reference.ts'
import { LayoutHand } from '../../test/contracts/layout-hand.ts'
import type { ChildProgram } from '../../test/e2e/containerd/child-program.ts'
import { Containerd } from '../../test/e2e/containerd/containerd.ts'
import type { ContainerdBinary } from '../../test/e2e/containerd/containerd-binary.ts'
import { type GeneratedImage, generateImage } from '../../test/e2e/containerd/upstream/generated-image.ts'
import { pushBlob, pushManifest } from '../../test/e2e/containerd/upstream/push.ts'
import { type TestHost, TestNetwork } from '../../test/interop/network.ts'
import { temporaryDirectory } from '../../test/temporary-directory.ts'
import { until } from '../../test/until.ts'
import { cpuMs } from '../process-usage.ts'
import { bytesFromPeers, NODE_PORT, routeThrough, startNode } from './nodes.ts'
import { REGISTRY_PORT, startRegistry } from './registries.ts'

const REFERENCE: TagReference = { kind: 'tag', registry: 'registry.test', repository: 'bench/image', tag: 'v1' }
const REGISTRY_URL = `http://${REFERENCE.registry}`
const IMAGE_NAME = `${REFERENCE.registry}/${REFERENCE.repository}:${REFERENCE.tag}`
const LAYERS = 4
/** In the sandbox it is a file of its own. */
const HOSTS_FILE = '/etc/hosts'

/** How an image comes to a containerd. */
export type Way = 'direct' | 'spegel' | 'cache'

/** What one pull took. */
export interface Pull {
  /** Until containerd had all content, verified. */
  readonly committedMs: number
  /** Until it had unpacked it as well. */
  readonly doneMs: number
  /** CPU time of the programs that it came through. */
  readonly cpuMs: number
  readonly containerdCpuMs: number
}

/** Hosts with a registry, a pull-through cache that has its image, a node of ours that has it, and one that pulls it. */
export interface PullScene extends AsyncDisposable {
  pull(way: Way): Promise<Pull>
  /** Lets every host send so much at most from now on. */
  shape(bytesPerSecond: number): Promise<void>
}

/** Sets the scene with an image of `imageBytes`. To be called in a sandbox. */
export async function setPullScene(binary: ContainerdBinary, imageBytes: number): Promise<PullScene> {
  await using stack = new AsyncDisposableStack()
  const { path: directory } = stack.use(await temporaryDirectory())
  const network = stack.use(await TestNetwork.create(4))
  await network.join()
  const [own, peer, registryHost, cacheHost] = network.hosts
  if (!own || !peer || !registryHost || !cacheHost) throw new Error('four hosts are needed')
  await writeFile(HOSTS_FILE, `127.0.0.1 localhost\n${registryHost.address} ${REFERENCE.registry}\n`)

  const image = generateImage({ layers: Array.from({ length: LAYERS }, () => imageBytes / LAYERS), index: false })
  const registry = stack.use(await startRegistry(registryHost, { directory, name: 'registry' }))
  await push(image)
  const layout = path.join(directory, 'layout')
  await put(image, layout)
  const cache = stack.use(await startRegistry(cacheHost, { directory, name: 'cache', cacheOf: REGISTRY_URL }))
  const containerd = stack.use(
    await Containerd.create({ host: own, binary, directory, diskBytes: undefined, config: undefined }),
  )
  const { socket, content } = containerd.paths
  const store = [`--containerd-sock=${socket}`, `--containerd-content-path=${content}`]
  const node = stack.use(startNode(own, { peer, store }))
  const peerStore = ['--store=oci-layout', `--oci-layout-path=${layout}`]
  const peerNode = stack.use(startNode(peer, { peer: own, store: peerStore }))

  const ways = {
    direct: { programs: [registry], mirror: undefined },
    spegel: { programs: [node, peerNode], mirror: urlOf(own, NODE_PORT) },
    cache: { programs: [cache], mirror: urlOf(cacheHost, REGISTRY_PORT) },
  }
  const digests = image.parts.map(({ digest }) => digest)
  const targets = image.parts.map(part => targetOf(part.mediaType, part.digest))
  const isCommitted = async (): Promise<boolean> => {
    const held = new Set(await containerd.digests().catch(() => []))
    return digests.every(digest => held.has(digest))
  }
  const pull = async (way: Way): Promise<Pull> => {
    const { programs, mirror } = ways[way]
    await routeThrough(containerd.paths.registryConfig, REFERENCE.registry, mirror)
    for (const target of [targetOf(image.top.mediaType, REFERENCE.tag), ...targets]) {
      if (mirror !== undefined && way === 'spegel') await until(async () => await isOk(mirror + target))
    }
    const before = { cpu: await cpuOf(programs), containerd: await cpuOf([containerd.program]) }
    const peerBytes = await bytesFromPeers(own)
    const startedMs = performance.now()
    const committed = untilCommitted(isCommitted, startedMs)
    await containerd.pull(IMAGE_NAME)
    const doneMs = performance.now() - startedMs
    const used = { cpu: await cpuOf(programs), containerd: await cpuOf([containerd.program]) }
    const relayed = (await bytesFromPeers(own)) - peerBytes
    if (way === 'spegel' ? relayed < imageBytes : relayed > 0) throw new Error(`${way}: ${relayed} bytes from peers`)
    const committedMs = await committed
    await containerd.remove(IMAGE_NAME)
    await until(async () => (await containerd.digests()).length === 0)
    return { committedMs, doneMs, cpuMs: used.cpu - before.cpu, containerdCpuMs: used.containerd - before.containerd }
  }
  for (const { address } of [own, peer]) await until(async () => await isOk(`http://${address}:${NODE_PORT}/readyz`))
  // The cache has it from then on, and all files are in memory.
  for (const way of ['cache', 'direct', 'spegel'] as const) await pull(way)
  const owned = stack.move()
  return {
    pull,
    shape: async bytesPerSecond => void (await Promise.all(network.hosts.map(host => host.throttle(bytesPerSecond)))),
    [Symbol.asyncDispose]: async () => await owned.disposeAsync(),
  }
}

async function push({ parts, top }: GeneratedImage): Promise<void> {
  const target = { url: REGISTRY_URL, repository: REFERENCE.repository }
  for (const part of parts) if (part !== top) await pushBlob(target, part)
  await pushManifest(target, top, REFERENCE.tag)
}

async function put({ parts, top }: GeneratedImage, directory: string): Promise<void> {
  const layout = await LayoutHand.open(directory)
  for (const { content } of parts) await layout.put(content)
  await layout.tag(REFERENCE, top.digest)
}

function urlOf({ address }: TestHost, port: number): string {
  return `http://${address}:${port}`
}

function targetOf(mediaType: string, reference: string): string {
  const kind = isManifestMediaType(mediaType) ? 'manifests' : 'blobs'
  return `/v2/${REFERENCE.repository}/${kind}/${reference}?ns=${REFERENCE.registry}`
}

async function isOk(url: string): Promise<boolean> {
  return (await fetch(url, { method: 'HEAD' }).catch(() => undefined))?.ok ?? false
}

async function untilCommitted(isCommitted: () => Promise<boolean>, startedMs: number): Promise<number> {
  await until(isCommitted)
  return performance.now() - startedMs
}

async function cpuOf(programs: readonly ChildProgram[]): Promise<number> {
  const times = await Promise.all(programs.map(({ pid }) => cpuMs(pid)))
  return times.reduce((sum, time) => sum + time, 0)
}
