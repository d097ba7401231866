import type { Libp2p } from '@libp2p/interface'
import type { Log } from '../../observability/log.ts'
import type { Metrics } from '../../observability/metrics.ts'
import { systemClock } from '../clock.ts'
import type {
  CallOptions,
  ClosestOptions,
  Doubts,
  Endpoint,
  LookupOptions,
  MemberChange,
  MemberOptions,
  Members,
  Peer,
  Router,
} from '../router.ts'
import { Admission } from './admission.ts'
import { Background } from './background.ts'
import { Bootstrap, type Bootstrapper } from './bootstrap.ts'
import { Connections } from './connections.ts'
import { Dialer } from './dialer.ts'
import { KadServer } from './kad-server.ts'
import type { KnownMembers } from './known-members.ts'
import { Lookup } from './lookup.ts'
import { MemberKeeper } from './member-keeper.ts'
import { MemberSearch } from './member-search.ts'
import { MemberTable } from './members.ts'
import { createNode, KAD_PROTOCOL, type NodeOptions, RECORDS_PROTOCOL, startNode } from './node.ts'
import { OwnPeer } from './own-peer.ts'
import { PeerLimits } from './peer-limits.ts'
import { Provide } from './provide.ts'
import { ProviderRecords } from './provider-records.ts'
import { RecentAskers } from './recent-askers.ts'
import { compareDistance, recordKey } from './record-key.ts'
import { createHello, RecordsExchange } from './records-exchange.ts'
import { RecordsServer } from './records-server.ts'
import { multiaddrOf } from './router-address.ts'
import { type FrameHandler, serveStream } from './stream-service.ts'
import { twinLogger } from './twins.ts'

/** Streams of one protocol on one connection. Our nodes keep one; stock ones open one for each query. */
const MAX_STREAMS = 128
/** How often some of the expired records are dropped: all have their turn within two minutes. */
const PRUNE_INTERVAL_MS = 1000
/** Longest wait for others to take the withdrawal of everything. */
const LEAVE_TIMEOUT_MS = 1000

export interface Libp2pRouterComponents {
  readonly log: Log
  readonly metrics: Metrics
}

export interface Libp2pRouterOptions extends Omit<NodeOptions, 'onTwin'> {
  /** Port of this node's registry, and so of every other's. */
  readonly registryPort: number
  /** Names peers to join by; default: none, a node that others join. */
  readonly bootstrapper?: Bootstrapper
  /** Members of an earlier run, tried where `bootstrapper` leads to nobody; default: none. */
  readonly knownMembers?: KnownMembers
  /** Gives up starting. */
  readonly signal: AbortSignal
}

interface Parts {
  readonly node: Libp2p
  readonly own: OwnPeer
  readonly members: MemberTable
  readonly keeper: MemberKeeper
  readonly provide: Provide
  readonly lookup: Lookup
  readonly exchange: RecordsExchange
  readonly bootstrap: Bootstrap | undefined
  readonly background: Background
  readonly twins: ReadonlySet<string>
}

/** A {@link Router} that speaks libp2p's kad-dht protocol to the other nodes of the mesh. */
export class Libp2pRouter implements Router, Members, Doubts, AsyncDisposable {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** This node's peer id in text form. */
  get peerId(): string {
    return this.#parts.own.id
  }

  /** Where other nodes can join this one. */
  get endpoints(): readonly Endpoint[] {
    return this.#parts.own.endpoints
  }

  /** {@link endpoints} with the peer id, as `--static-bootstrap-peers` takes it. */
  get multiaddrs(): readonly string[] {
    return this.endpoints.map(endpoint => multiaddrOf(endpoint, this.peerId).toString())
  }

  /** IP addresses at which another node with this node's identity was met. */
  get twins(): readonly string[] {
    return [...this.#parts.twins]
  }

  lookup(key: string, options: LookupOptions): AsyncIterable<Peer> {
    return this.#parts.lookup.find(key, options)
  }

  advertise(keys: readonly string[], options: CallOptions): Promise<void> {
    return this.#parts.provide.advertise(keys, options)
  }

  async withdraw(keys: readonly string[], options: CallOptions): Promise<void> {
    const { exchange, own, provide } = this.#parts
    const withdrawn = provide.withdraw(keys, options)
    exchange.gone(
      own.idBytes,
      keys.map(key => recordKey(key).bytes),
    )
    await withdrawn
  }

  ready(): boolean {
    const { bootstrap, members } = this.#parts
    return members.size > 0 || bootstrap === undefined || bootstrap.alone
  }

  closest(
    key: string,
    count: number,
    { nearerThanSelf = false, evenDoubted = false }: ClosestOptions = {},
  ): readonly Peer[] {
    const { own, members } = this.#parts
    const { position } = recordKey(key)
    const closest = evenDoubted ? members.closestOfAll(position, count) : members.closest(position, count)
    const nearer = nearerThanSelf
      ? closest.filter(member => compareDistance(position, member.position, own.position) < 0)
      : closest
    return nearer.map(member => member.peer)
  }

  find(id: string, { evenDoubted = false }: MemberOptions = {}): Peer | undefined {
    const { members } = this.#parts
    return (evenDoubted ? members.get(id) : members.trusted(id))?.peer
  }

  list(): readonly Peer[] {
    return this.#parts.members.list().map(member => member.peer)
  }

  changes(options: CallOptions): AsyncIterable<MemberChange> {
    return this.#parts.members.changes(options)
  }

  doubt({ id }: Peer): void {
    const { keeper, members } = this.#parts
    const member = members.get(id)
    if (member !== undefined) keeper.check(member)
  }

  /** Withdraws everything, as far as a second suffices: from then on hardly anyone turns to this node. */
  async leave(): Promise<void> {
    await this.#parts.provide.leave({ signal: AbortSignal.timeout(LEAVE_TIMEOUT_MS) })
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
  const { bootstrapper, knownMembers, listen, registryPort, signal } = options
  const log = rootLog.with({ component: 'router' })
  const clock = systemClock
  const { random } = Math
  const twins = new Set<string>()
  const node = await createNode({ ...options, onTwin: twinLogger(log, twins) })
  const own = new OwnPeer({ node, clock })
  const background = new Background(log)
  const hello = createHello(registryPort)
  const members = new MemberTable()
  const records = new ProviderRecords({ clock, random, gauge: metrics.providerRecords })
  const dialer = new Dialer({ node, own })
  const connections = new Connections({ clock, node, own, dialer, background })
  const admission = new Admission({ log, clock, node, own, members, dialer, connections, background }, { hello })
  const keeper = new MemberKeeper({ log, clock, random, members, admission, connections, background })
  const search = new MemberSearch({ clock, random, own, members, admission, connections, keeper, background })
  const provide = new Provide({ clock, random, background })
  const lookup = new Lookup({ clock, members, records, admission, keeper, search, background })
  const askers = new RecentAskers(clock)
  const limits = new PeerLimits(clock)
  const exchange = new RecordsExchange({ log, clock, own, members, keeper, provide, lookup, askers, background })
  const kadServer = new KadServer({ own, members, records, askers, provides: key => provide.provides(key) })
  const recordsServer = new RecordsServer({
    records,
    limits,
    hello,
    met: (peer, said) => exchange.met(peer, said),
    removed: (provider, keys) => exchange.gone(provider, keys),
    gone: (provider, keys) => lookup.forget(provider, keys),
  })
  const remembered = () => knownMembers?.candidates() ?? []
  const bootstrap =
    bootstrapper === undefined
      ? undefined
      : new Bootstrap({ log, clock, random, members, admission, bootstrapper, remembered })
  const parts = { node, own, members, keeper, provide, lookup, exchange, bootstrap, background, twins }
  const router = new Libp2pRouter(parts)

  const countMembers = (): void => metrics.peers.set(members.size)
  members.subscribe({ joined: countMembers, left: countMembers })
  if (knownMembers !== undefined) {
    members.subscribe({ joined: member => knownMembers.note(member) })
    background.run('save known members', stop => knownMembers.run({ signal: stop }))
  }
  const serve = async (protocol: string, handler: FrameHandler): Promise<void> => {
    await node.handle(protocol, (stream, connection) => serveStream({ log, limits }, handler, { stream, connection }), {
      maxInboundStreams: MAX_STREAMS,
      maxOutboundStreams: MAX_STREAMS,
    })
  }
  await serve(KAD_PROTOCOL, kadServer)
  await serve(RECORDS_PROTOCOL, recordsServer)
  exchange.start()
  admission.start()
  keeper.start()
  search.start()
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
