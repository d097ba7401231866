import path from 'node:path'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { bundleProgram } from '../scripts/bundle.ts'
import { DrivenNode } from '../test/interop/driven-node.ts'

/** Started at the same time: more would make each other late, and take the cores from those that run. */
const MAX_STARTING = 10
/** Nodes named to each node to join by. */
const BOOTSTRAP_PEERS = 2
const POLL_MS = 20
const PATIENCE_MS = 120_000
const OUR_NODE = 'test/interop/our-node.ts'
/** Bundled: from its sources a node takes a second of CPU to start, and a mesh on one machine would be measured starting. */
const BUNDLED_NODE = path.resolve(import.meta.dirname, '../node_modules/.cache/spegel-bench/our-node.mjs')

/** Our nodes, a process each, on addresses of 127.0.0.0/8. */
export class DrivenMesh implements AsyncDisposable {
  readonly nodes: DrivenNode[] = []
  #started = 0

  static async start(size: number): Promise<DrivenMesh> {
    await bundleProgram({ entry: OUR_NODE, outfile: BUNDLED_NODE })
    const mesh = new DrivenMesh()
    mesh.nodes.push(await mesh.#start([]))
    await mesh.grow(size - 1)
    return mesh
  }

  /** Starts `count` more nodes, some at a time. */
  async grow(count: number): Promise<readonly DrivenNode[]> {
    const known = await Promise.all(this.nodes.slice(0, BOOTSTRAP_PEERS).map(node => node.identity()))
    const peers = known.flatMap(({ multiaddrs }) => multiaddrs)
    const started: DrivenNode[] = []
    while (started.length < count) {
      const length = Math.min(MAX_STARTING, count - started.length)
      const some = await Promise.all(Array.from({ length }, () => this.#start(peers)))
      this.nodes.push(...some)
      started.push(...some)
    }
    return started
  }

  /** Ends the last `count` nodes as crashes would. */
  async shrink(count: number): Promise<void> {
    await Promise.all(this.nodes.splice(-count).map(node => node.kill()))
  }

  /** Resolves once every node knows every other, and nobody else. */
  async complete(): Promise<void> {
    for (const node of this.nodes) await until(async () => (await node.members()).length === this.nodes.length - 1)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shrink(this.nodes.length)
  }

  #start(peers: readonly string[]): Promise<DrivenNode> {
    return DrivenNode.start([
      process.execPath,
      '--optimize-for-size',
      BUNDLED_NODE,
      `127.0.0.${++this.#started}`,
      '0',
      ...peers,
    ])
  }
}

/** Resolves once `condition` holds. */
export async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${condition.toString()}`)
    await delay(POLL_MS)
  }
}
