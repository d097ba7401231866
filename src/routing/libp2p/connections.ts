import type { Connection, Stream } from '@libp2p/interface'
import type { Clock } from '../clock.ts'
import type { CallOptions, Endpoint } from '../router.ts'
import { abortable } from './abortable.ts'
import type { Background } from './background.ts'
import type { Dialer } from './dialer.ts'
import { PeerUnreachableError } from './errors.ts'
import type { MeshNode } from './node.ts'
import type { OwnPeer } from './own-peer.ts'

/** Connections held, of both directions; beyond it the one that was used least recently is closed. */
export const MAX_CONNECTIONS = 300
/** How long a second connection between the same two nodes is left alone: its dialler may be about to use it. */
const SETTLE_MS = 10_000

export interface ConnectionsComponents {
  readonly clock: Pick<Clock, 'now'>
  readonly node: MeshNode
  readonly own: OwnPeer
  readonly dialer: Dialer
  readonly background: Background
}

/** A peer that can be connected to. */
export interface Reachable {
  readonly id: string
  readonly router: Endpoint
}

/** The connections of this node: opened when a stream needs one, kept, and closed when there are too many. */
export class Connections {
  readonly #components: ConnectionsComponents
  readonly #maxConnections: number
  /** When each was opened; in order of use, latest last. */
  readonly #openedAt = new Map<Connection, number>()
  readonly #byPeer = new Map<string, readonly Connection[]>()
  readonly #dials = new Map<string, Promise<Connection>>()
  #onDisconnect: (id: string) => void = () => {}

  /** @param options `maxConnections`: default {@link MAX_CONNECTIONS} */
  constructor(components: ConnectionsComponents, options: { readonly maxConnections?: number } = {}) {
    this.#components = components
    this.#maxConnections = options.maxConnections ?? MAX_CONNECTIONS
    const { node } = components
    node.addEventListener('connection:open', ({ detail }) => this.#opened(detail))
    node.addEventListener('connection:close', ({ detail }) => this.#closed(detail))
  }

  /** Connections open now. */
  get size(): number {
    return this.#openedAt.size
  }

  /** Has `listener` called with the id of a peer whose last connection ended, unless {@link drop} or the limit ended it. */
  onDisconnect(listener: (id: string) => void): void {
    this.#onDisconnect = listener
  }

  /** Whether there is a connection to `id`, whoever dialled. */
  isConnected(id: string): boolean {
    return this.#of(id).length > 0
  }

  /**
   * Opens a stream over the connection at hand, else over a new one.
   * @throws {PeerUnreachableError}
   */
  async open({ id, router }: Reachable, protocol: string, { signal }: CallOptions): Promise<Stream> {
    const kept = this.#best(id)
    if (kept !== undefined) {
      try {
        return await this.#newStream(kept, protocol, { signal })
      } catch (error) {
        // A connection that the peer has just ended counts as open for a moment.
        if (!(error instanceof Error && error.name === 'ConnectionClosedError')) throw error
        this.#end(kept, 'was ended by the peer')
      }
    }
    return this.#newStream(await abortable(this.#dial(id, router), signal), protocol, { signal })
  }

  /** Ends all connections to `id`. */
  drop(id: string, reason: string): void {
    for (const connection of this.#of(id)) this.#end(connection, reason)
  }

  /**
   * Where two nodes have dialled each other, one connection is enough: the one that the lesser id dialled. Each node
   * closes only what it dialled itself.
   */
  settle(): void {
    const { clock } = this.#components
    for (const [connection, openedAt] of this.#openedAt) {
      if (connection.direction !== 'outbound' || clock.now() - openedAt < SETTLE_MS) continue
      const best = this.#best(connection.remotePeer.toString())
      if (best !== undefined && best !== connection) this.#end(connection, 'there is another connection')
    }
  }

  /** Ends `connection` if this node has just dialled it where there is one already that it dialled before. */
  settleDial(connection: Connection): void {
    if (connection.direction !== 'outbound') return
    const others = this.#of(connection.remotePeer.toString()).filter(other => other !== connection)
    if (others.some(({ direction }) => direction === 'outbound')) this.#end(connection, 'there is another connection')
  }

  #of(id: string): readonly Connection[] {
    return this.#byPeer.get(id)?.filter(({ status }) => status === 'open') ?? []
  }

  /** Both ends choose the same one. */
  #best(id: string): Connection | undefined {
    const lesserDials = this.#components.own.id < id ? 'outbound' : 'inbound'
    const all = this.#of(id)
    return all.find(({ direction }) => direction === lesserDials) ?? all[0]
  }

  async #dial(id: string, router: Endpoint): Promise<Connection> {
    const { background, dialer } = this.#components
    const dialling = this.#dials.get(id)
    if (dialling !== undefined) return dialling
    const dial = dialer
      .dial({ id, endpoints: [router] }, { signal: background.signal, urgent: true })
      .then(dialled => {
        if (dialled.kind === 'self') throw new PeerUnreachableError(id)
        return dialled.connection
      })
      .finally(() => this.#dials.delete(id))
    this.#dials.set(id, dial)
    return dial
  }

  async #newStream(connection: Connection, protocol: string, options: CallOptions): Promise<Stream> {
    const openedAt = this.#openedAt.get(connection)
    if (openedAt !== undefined) {
      this.#openedAt.delete(connection)
      this.#openedAt.set(connection, openedAt)
    }
    return connection.newStream(protocol, options)
  }

  #opened(connection: Connection): void {
    // One that ended while it was being made never says so.
    if (connection.status !== 'open') return
    const id = connection.remotePeer.toString()
    this.#openedAt.set(connection, this.#components.clock.now())
    this.#byPeer.set(id, [...this.#of(id), connection])
    while (this.#openedAt.size > this.#maxConnections) {
      const others = [...this.#openedAt.keys()].filter(other => other !== connection)
      // Servers end a stream that idles: a connection without any was not used for a while, by either side.
      const least = others.find(({ streams }) => streams.length === 0) ?? others[0]
      if (least === undefined) return
      this.#end(least, 'too many connections')
    }
  }

  #end(connection: Connection, reason: string): void {
    this.#openedAt.delete(connection)
    connection.abort(new Error(reason))
  }

  #closed(connection: Connection): void {
    const { background, node } = this.#components
    const isUnexpected = this.#openedAt.delete(connection)
    const id = connection.remotePeer.toString()
    const others = this.#of(id).filter(other => other !== connection)
    if (others.length > 0) {
      this.#byPeer.set(id, others)
      return
    }
    this.#byPeer.delete(id)
    // libp2p remembers everyone who ever connected, and an identity costs nothing.
    background.run('forget peer', () => node.peerStore.delete(connection.remotePeer))
    if (isUnexpected) this.#onDisconnect(id)
  }
}
