import path from 'node:path'
import process from 'node:process'
import { DrivenNode, type Identity } from './driven-node.ts'
import { type TestHost, TestNetwork } from './network.ts'

const ROUTER_PORT = 5001

/** A running node and where it is. */
export interface Participant {
  readonly host: TestHost
  readonly node: DrivenNode
  readonly identity: Identity
}

/** Nodes of several implementations, each on a host of its own. */
export class InteropMesh implements AsyncDisposable {
  readonly #stack = new AsyncDisposableStack()
  readonly #free: TestHost[]

  private constructor(network: TestNetwork) {
    this.#stack.use(network)
    this.#free = [...network.hosts]
  }

  static async create(hosts: number): Promise<InteropMesh> {
    return new InteropMesh(await TestNetwork.create(hosts))
  }

  /** One of our nodes, which joins by `peers`, or waits to be joined where there are none. */
  ours(peers: readonly Participant[] = []): Promise<Participant> {
    const multiaddrs = peers.flatMap(({ identity }) => identity.multiaddrs)
    return this.#start(({ address }) => nodeScript('our-node.ts', [address, String(ROUTER_PORT), ...multiaddrs]))
  }

  /** Our part of `malformed-record.ts`, connected to `peer`. */
  malformed(peer: Participant): Promise<Participant> {
    const multiaddrs = peer.identity.multiaddrs.slice(0, 1)
    return this.#start(({ address }) =>
      nodeScript('malformed-record.ts', [address, String(ROUTER_PORT), ...multiaddrs]),
    )
  }

  /** A node with stock `@libp2p/kad-dht`. */
  stock(): Promise<Participant> {
    return this.#start(({ address }) => nodeScript('stock-node.ts', [address, String(ROUTER_PORT)]))
  }

  /** A node built of {@link buildGoNode}. */
  go(program: string, security: '' | 'noise' | 'tls' = ''): Promise<Participant> {
    return this.#start(({ address }) => [
      program,
      `-listen=/ip4/${address}/tcp/${ROUTER_PORT}`,
      `-security=${security}`,
    ])
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync()
  }

  async #start(command: (host: TestHost) => readonly string[]): Promise<Participant> {
    const host = this.#free.shift()
    if (host === undefined) throw new Error('no host is left')
    const node = this.#stack.use(await DrivenNode.start(host.within(command(host))))
    return { host, node, identity: await node.identity() }
  }
}

function nodeScript(file: string, args: readonly string[]): readonly string[] {
  return [process.execPath, path.join(import.meta.dirname, file), ...args]
}
