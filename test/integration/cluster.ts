import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { freePorts, type Ports } from '../free-ports.ts'
import { RegistryProcess } from './registry-process.ts'
import { type SharedImage, writeSharedImage } from './shared-image.ts'

export interface ClusterOptions {
  /** Addresses of the nodes, each 127.x.y.z. */
  readonly hosts: readonly string[]
  /** Those that hold the image from the start. */
  readonly holders: readonly string[]
  readonly layerBytes: number
  /** Further flags of every node. */
  readonly flags?: readonly string[]
}

/** Real nodes that know each other, some of which hold one image. */
export interface Cluster extends AsyncDisposable {
  readonly image: SharedImage
  readonly ports: Ports
  node(host: string): RegistryProcess
  /** Path and query for a blob or manifest of the image. */
  target(kind: 'blobs' | 'manifests', reference: string): string
  /** Waits until a node without the image can mirror it. */
  found(host: string): Promise<void>
}

/** Starts a cluster and waits until every node is ready. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { hosts, holders, layerBytes, flags } = options
  await using stack = new AsyncDisposableStack()
  const directory = await mkdtemp(path.join(tmpdir(), 'spegel-test-'))
  stack.defer(async () => await rm(directory, { recursive: true, force: true }))
  const layout = (host: string): string => path.join(directory, host)
  const image = await writeSharedImage(holders.map(layout), layerBytes)
  const ports = await freePorts()
  const nodes = new Map(
    hosts.map(host => {
      const peers = hosts.filter(other => other !== host)
      const node = RegistryProcess.start({ host, ports, layout: layout(host), peers, ...(flags ? { flags } : {}) })
      return [host, stack.use(node)]
    }),
  )
  await Promise.all([...nodes.values()].map(async node => await node.ready()))
  const node = (host: string): RegistryProcess => {
    const found = nodes.get(host)
    if (found === undefined) throw new Error(`no node on ${host}`)
    return found
  }
  const target = (kind: string, reference: string): string =>
    `/v2/${image.reference.repository}/${kind}/${reference}?ns=${image.reference.registry}`
  const owned = stack.move()
  return {
    image,
    ports,
    node,
    target,
    async found(host) {
      // What a node advertises reaches its peers a moment after all are ready.
      for (let response: Response | undefined; response?.status !== 200; ) {
        response = await fetch(node(host).url + target('blobs', image.layer.digest), { method: 'HEAD' })
      }
    },
    [Symbol.asyncDispose]: async () => await owned.disposeAsync(),
  }
}
