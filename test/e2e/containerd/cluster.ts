import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import { type TestHost, TestNetwork } from '../../interop/network.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { ChildProgram } from './child-program.ts'
import { Containerd } from './containerd.ts'
import type { ContainerdBinary } from './containerd-binary.ts'
import { E2eNode } from './e2e-node.ts'
import { configureDirect, configureMirror } from './hosts-toml.ts'
import { type SocketMount, SpegelProcess } from './spegel-process.ts'
import { Upstream } from './upstream/upstream.ts'

const REGISTRY = 'registry.test'
/** Another name of the same registry. */
const ALIAS = 'alias.test'
/** In the sandbox it is a file of its own. */
const HOSTS_FILE = '/etc/hosts'
/** Where a node's mirror listens, and where what records its requests does. */
const PORTS = { mirror: 5000, recorder: 5005 }
const RECORDER = path.join(import.meta.dirname, 'recorder.ts')
/** End of a program's output that is worth showing. */
const SHOWN_CHARACTERS = 2000

type Tuple<Item, Count extends number, Items extends readonly Item[] = []> = Items['length'] extends Count
  ? Items
  : Tuple<Item, Count, readonly [...Items, Item]>

export interface ClusterOptions<Count extends number = 3> {
  readonly nodes?: Count
  /** Whether nodes have a mirror at all. Default true. */
  readonly mirror?: boolean
  /** Flags of every `spegel registry`. */
  readonly flags?: readonly string[]
  /** Flags of single nodes beside those, by position. */
  readonly flagsOf?: readonly (readonly string[])[]
  readonly mount?: SocketMount
  /** Size of the disk that each node keeps content on. */
  readonly diskBytes?: number
  /** Those of single nodes, by position. */
  readonly diskBytesOf?: readonly number[]
  /** Appended to every containerd's configuration. */
  readonly containerdConfig?: string
  /** The first version of containerd that can do this, such as `2.1`; older ones are left out. Default: all. */
  readonly since?: string
  /** Whether what containerd sends to its mirror is recorded. */
  readonly record?: boolean
}

/** An upstream registry and nodes that know each other, on a network of their own. */
export interface Cluster<Count extends number = 3> extends AsyncDisposable {
  readonly upstream: Upstream
  readonly nodes: Tuple<E2eNode, Count>
  readonly network: TestNetwork
  /** What each program on the nodes said last, for the eyes of who looks into a failure. */
  outputs(): readonly string[]
}

/** Starts a cluster and waits until every node is ready. To be called in a sandbox. */
export async function startCluster<const Count extends number = 3>(
  binary: ContainerdBinary,
  options: ClusterOptions<Count> = {},
): Promise<Cluster<Count>> {
  await using stack = new AsyncDisposableStack()
  const { path: directory } = stack.use(await temporaryDirectory())
  const network = stack.use(await TestNetwork.create(options.nodes ?? 3))
  const address = await network.join()
  await writeFile(HOSTS_FILE, `127.0.0.1 localhost\n${address} ${REGISTRY} ${ALIAS}\n`)
  const upstream = stack.use(await Upstream.create(REGISTRY, address, directory))
  const nodes = await Promise.all(
    network.hosts.map(async (host, index) => {
      const own = path.join(directory, `node-${index + 1}`)
      await mkdir(own)
      const peers = network.hosts.filter(other => other !== host).map(({ address }) => address)
      const flags = [...(options.flags ?? []), ...(options.flagsOf?.[index] ?? [])]
      const diskBytes = options.diskBytesOf?.[index] ?? options.diskBytes
      const limited = diskBytes === undefined ? {} : { diskBytes }
      return await startNode({ host, binary, directory: own, peers, stack }, { ...options, ...limited, flags })
    }),
  )
  if (options.mirror ?? true) await Promise.all(nodes.map(async ({ spegel }) => await spegel.ready()))
  const owned = stack.move()
  return {
    upstream,
    network,
    outputs: () => nodes.flatMap(outputsOf),
    nodes: nodes as readonly E2eNode[] as Tuple<E2eNode, Count>,
    [Symbol.asyncDispose]: async () => await owned.disposeAsync(),
  }
}

function outputsOf({ host, programs }: E2eNode): readonly string[] {
  return programs.map(({ name, output }) => `${name} on ${host.address} said:\n${output.slice(-SHOWN_CHARACTERS)}`)
}

interface NodeSetting {
  readonly host: TestHost
  readonly binary: ContainerdBinary
  readonly directory: string
  readonly peers: readonly string[]
  /** Ends what is started. */
  readonly stack: AsyncDisposableStack
}

async function startNode(setting: NodeSetting, options: ClusterOptions<number>): Promise<E2eNode> {
  const { host, binary, directory, peers, stack } = setting
  const { diskBytes, containerdConfig: config, mirror = true, mount = 'none', flags = [], record = false } = options
  const containerd = await Containerd.create({ host, binary, directory, diskBytes, config })
  stack.use(containerd)
  const { registryConfig } = containerd.paths
  if (!mirror) {
    await configureDirect(registryConfig, REGISTRY)
    return new E2eNode({ host, containerd, spegel: undefined, recording: undefined }, REGISTRY)
  }
  const spegel = SpegelProcess.start({
    host,
    directory,
    containerd: containerd.paths,
    mount,
    peers,
    // How the registry is reached is known by its URL alone.
    flags: [`--mirrored-registries=http://${REGISTRY}`, ...flags],
  })
  stack.use(spegel)
  const recording = path.join(directory, 'recording')
  if (record) {
    const ends = [PORTS.recorder, PORTS.mirror].map(port => `${host.address}:${port}`)
    stack.use(ChildProgram.start('recorder', host.within([process.execPath, RECORDER, ...ends, recording])))
  }
  const target = `http://${host.address}:${record ? PORTS.recorder : PORTS.mirror}`
  await configureMirror({ directory: registryConfig, registry: `http://${REGISTRY}`, target })
  return new E2eNode({ host, containerd, spegel, recording: record ? recording : undefined }, REGISTRY)
}
