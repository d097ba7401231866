import type { Libp2p } from '@libp2p/interface'
import type { Log } from '../../observability/log.ts'
import type { Metrics } from '../../observability/metrics.ts'
import { systemClock } from '../clock.ts'
import type { CallOptions, Members, Peer, Router } from '../router.ts'
import { Admission } from './admission.ts'
import { Background } from './background.ts'
import { Bootstrap, type Bootstrapper } from './bootstrap.ts'
import { Dialer } from './dialer.ts'
import { KadServer } from './kad-server.ts'
import { Lookup } from './lookup.ts'
import { MemberKeeper } from './member-keeper.ts'
import { MemberTable } from './members.ts'
import { createNode, KAD_PROTOCOL, type NodeOptions, startNode } from './node.ts'
import { OwnPeer } from './own-peer.ts'
import { Provide } from './provide.ts'
import { ProviderRecords } from './provider-records.ts'
import { recordKey } from './record-key.ts'
import { multiaddrOf } from './router-address.ts'

/** Kad streams of one connection. Our nodes keep one; stock ones open one for each query. */
const MAX_KAD_STREAMS = 128
/** How often expired records are dropped. */
const PRUNE_INTERVAL_MS = 60_000

export interface Libp2pRouterComponents {
  readonly log: Log
  readonly metrics: Metrics
}

export interface Libp2pRouterOptions extends NodeOptions {
  /** Port of this node's registry, and so of every other's. */
  readonly registryPort: number
  /** Names peers to join by; default: none, a node that others join. */
  readonly bootstrapper?: Bootstrapper
  /** Gives up starting. */
  readonly signal: AbortSignal
}

interface Parts {
  readonly node: Libp2p
  readonly own: OwnPeer
  readonly members: MemberTable
  readonly provide: Provide
  readonly lookup: Lookup
  readonly bootstrap: Bootstrap | undefined
  readonly background: Background
}

/** A {@link Router} that speaks libp2p's kad-dht protocol to the other nodes of the mesh. */
export class Libp2pRouter implements Router, Members, AsyncDisposable {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** This node's peer id in text form. */
  get peerId(): string {
    return this.#parts.own.id
  }

  /** Where other nodes can join this one, as `--static-bootstrap-peers` takes it. */
  get multiaddrs(): readonly string[] {
    const { own } = this.#parts
    return own.endpoints.map(endpoint => multiaddrOf(endpoint, own.id).toString())
  }

  lookup(key: string, options: CallOptions): AsyncIterable<Peer> {
    return this.#parts.lookup.find(key, options)
  }

  advertise(keys: readonly string[], options: CallOptions): Promise<void> {
    return this.#parts.provide.advertise(keys, options)
  }

  /** Others forget what was withdrawn when their records expire: kad has no message to take one back. */
  async withdraw(keys: readonly string[]): Promise<void> {
    this.#parts.provide.withdraw(keys)
  }

  ready(): boolean {
    const { bootstrap, members } = this.#parts
    return members.size > 0 || bootstrap === undefined || bootstrap.alone
  }

  closest(key: string, count: number): readonly Peer[] {
    return this.#parts.members.closest(recordKey(key).position, count).map(member => member.peer)
  }

  list(): readonly Peer[] {
    return this.#parts.members.list().map(member => member.peer)
  }

  /** Ends all background work and closes every connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { background, node } = this.#parts
    await background[Symbol.asyncDispose]()
    // A graceful close waits for the peers' streams, up to half a second each; nothing on them is worth that.
    for (const connection of node.getConnections()) connection.abort(new Error('this node shuts down'))
    await node.stop()
  }
}

/**
 * Starts a router: it listens when this resolves, and joins the mesh in the background. Dispose of it.
 * @throws {RouterListenError}
 */
export async function createLibp2pRouter(
  { log: rootLog, metrics }: Libp2pRouterComponents,
  options: Libp2pRouterOptions,
): Promise<Libp2pRouter> {
  const { bootstrapper, listen, registryPort, signal } = options
  const log = rootLog.with({ component: 'router' })
  const clock = systemClock
  const { random } = Math
  const node = await createNode(options)
  const own = new OwnPeer({ node, clock })
  const background = new Background(log)
  const members = new MemberTable(clock)
  const records = new ProviderRecords({ clock, random, gauge: metrics.providerRecords })
  const dialer = new Dialer({ node, own })
  const admission = new Admission({ log, clock, node, own, members, dialer, background }, { registryPort })
  const keeper = new MemberKeeper({ log, clock, random, own, members, admission, background })
  const provide = new Provide({ clock, random, own, members, background })
  const lookup = new Lookup({ clock, members, records, admission, keeper, background })
  const server = new KadServer({ log, clock, own, members, records, provides: key => provide.provides(key) })
  const bootstrap =
    bootstrapper === undefined ? undefined : new Bootstrap({ log, clock, random, members, admission, bootstrapper })
  const router = new Libp2pRouter({ node, own, members, provide, lookup, bootstrap, background })

  const countMembers = (): void => metrics.peers.set(members.size)
  members.subscribe({ joined: countMembers, left: countMembers })
  await node.handle(KAD_PROTOCOL, (stream, connection) => server.serve(stream, connection), {
    maxInboundStreams: MAX_KAD_STREAMS,
    maxOutboundStreams: MAX_KAD_STREAMS,
  })
  admission.start()
  keeper.start()
  provide.start()
  try {
    await startNode(node, listen)
    signal.throwIfAborted()
  } catch (error) {
    await router[Symbol.asyncDispose]()
    throw error
  }
  background.run('prune provider records', async stop => {
    while (!stop.aborted) {
      await clock.sleep(PRUNE_INTERVAL_MS, { signal: stop })
      records.prune()
    }
  })
  if (bootstrap !== undefined) background.run('bootstrap', stop => bootstrap.run({ signal: stop }))
  log.info('router listens', { peer: own.id, addresses: router.multiaddrs })
  return router
}
