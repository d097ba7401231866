import type { Connection } from '@libp2p/interface'
import type { Clock } from '../clock.ts'
import type { Endpoint } from '../router.ts'
import type { Background } from './background.ts'
import type { Connections } from './connections.ts'
import { KadStream } from './kad-stream.ts'
import type { Member } from './members.ts'
import { KAD_PROTOCOL, type MeshNode, RECORDS_PROTOCOL } from './node.ts'
import type { OwnPeer } from './own-peer.ts'
import { positionOf } from './record-key.ts'
import type { Hello } from './records-message.ts'
import { RecordsStream } from './records-stream.ts'
import { endpointOf, multiaddrOf } from './router-address.ts'

/** Longest wait for a peer to say what it speaks and where it listens. */
const IDENTIFY_TIMEOUT_MS = 3000

export interface IntroductionComponents {
  readonly clock: Pick<Clock, 'now'>
  readonly node: MeshNode
  readonly own: OwnPeer
  readonly connections: Connections
  readonly background: Background
}

/** What a peer says of itself. */
export interface Identified {
  readonly protocols: readonly string[]
  readonly endpoints: readonly Endpoint[]
}

/** Finds out what a connected peer speaks, and makes a member's parts for it. */
export class Introduction {
  readonly #components: IntroductionComponents
  readonly #hello: Hello

  /** @param options `hello`: what peers are told of this node; its registry port is that of peers that tell none */
  constructor(components: IntroductionComponents, options: { readonly hello: Hello }) {
    this.#components = components
    this.#hello = options.hello
  }

  /**
   * Asks what the peer speaks and where it listens.
   * @throws where it does not say, or does not serve kad
   */
  async identify(connection: Connection): Promise<Identified> {
    const { background, node, own } = this.#components
    const signal = AbortSignal.any([background.signal, AbortSignal.timeout(IDENTIFY_TIMEOUT_MS)])
    const { protocols, listenAddrs } = await node.services.identify.identify(connection, { signal })
    if (!protocols.includes(KAD_PROTOCOL)) throw new Error(`does not serve ${KAD_PROTOCOL}`)
    const endpoints = listenAddrs.map(endpointOf).filter(endpoint => endpoint !== undefined)
    return { protocols, endpoints: endpoints.filter(endpoint => !own.listensAt(endpoint)) }
  }

  /**
   * What the peer is as a member.
   * @param endpoint where its router answers
   * @throws where the peer says that it speaks the records protocol, and then does not
   */
  async meet(connection: Connection, endpoint: Endpoint, { protocols }: Identified): Promise<Member> {
    const { background, clock, connections } = this.#components
    const id = connection.remotePeer.toString()
    const reachable = { id, router: endpoint }
    const records = protocols.includes(RECORDS_PROTOCOL)
      ? new RecordsStream(options => connections.open(reachable, RECORDS_PROTOCOL, options), {
          peer: id,
          hello: this.#hello,
        })
      : undefined
    const { registryPort } = (await records?.hello({ signal: background.signal })) ?? this.#hello
    const idBytes = connection.remotePeer.toMultihash().bytes
    return {
      peer: { id, registry: { host: endpoint.host, port: registryPort } },
      router: endpoint,
      position: positionOf(idBytes),
      kadPeer: { id: idBytes, addresses: [multiaddrOf(endpoint).bytes] },
      stream: new KadStream(options => connections.open(reachable, KAD_PROTOCOL, options), id),
      records,
      joinedAt: clock.now(),
    }
  }
}
