import type { Libp2p } from '@libp2p/interface'
import type { Clock } from '../clock.ts'
import type { Endpoint } from '../router.ts'
import type { KadPeer } from './kad-message.ts'
import { positionOf } from './record-key.ts'
import { endpointOf, multiaddrOf } from './router-address.ts'

/** Interfaces seldom change, and listing them takes longer than answering a message. */
const ADDRESSES_TTL_MS = 10_000

/** This node as other nodes are told of it. */
export class OwnPeer {
  /** Peer id in text form. */
  readonly id: string
  /** Peer id as multihash bytes. */
  readonly idBytes: Uint8Array
  /** Its place in the key space. */
  readonly position: Buffer
  readonly #node: Libp2p
  readonly #clock: Pick<Clock, 'now'>
  #endpoints: readonly Endpoint[] = []
  #listedAt = Number.NEGATIVE_INFINITY

  constructor(components: { readonly node: Libp2p; readonly clock: Pick<Clock, 'now'> }) {
    this.#node = components.node
    this.#clock = components.clock
    this.id = components.node.peerId.toString()
    this.idBytes = components.node.peerId.toMultihash().bytes
    this.position = positionOf(this.idBytes)
  }

  /** The addresses this node announces; none before it listens. */
  get endpoints(): readonly Endpoint[] {
    const now = this.#clock.now()
    if (this.#endpoints.length === 0 || now - this.#listedAt > ADDRESSES_TTL_MS) {
      this.#listedAt = now
      this.#endpoints = this.#node
        .getMultiaddrs()
        .map(endpointOf)
        .filter(endpoint => endpoint !== undefined)
    }
    return this.#endpoints
  }

  /** As kad messages name it. */
  get kadPeer(): KadPeer {
    return { id: this.idBytes, addresses: this.endpoints.map(endpoint => multiaddrOf(endpoint).bytes) }
  }

  /** Whether `endpoint` is one of this node's own. */
  listensAt(endpoint: Endpoint): boolean {
    return this.endpoints.some(own => own.host === endpoint.host && own.port === endpoint.port)
  }
}
