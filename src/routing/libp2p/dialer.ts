import type { Connection } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import type { CallOptions, Endpoint } from '../router.ts'
import { PeerUnreachableError } from './errors.ts'
import type { MeshNode } from './node.ts'
import type { OwnPeer } from './own-peer.ts'
import { ACCEPTED_EVENT } from './private-network.ts'
import { formatEndpoint, multiaddrOf } from './router-address.ts'
import { Turns } from './turns.ts'

/** Longest wait for a TCP connection: an address that drops packets must not hold up anything. */
const CONNECT_TIMEOUT_MS = 500
/** Longest wait for the whole dial. A handshake is CPU work, and many nodes may start at once. */
const DIAL_TIMEOUT_MS = 3000
/** Dials at once of whom nobody waits for. More would only make each other's handshakes late. */
const MAX_PATIENT_DIALS = 8
/** Dials at once that a request waits for: dead addresses must not stand in line before live ones. */
const MAX_URGENT_DIALS = 64
/** What is reported of a dial once there is a TCP connection. */
const ACCEPTED = new Set<string>([ACCEPTED_EVENT, 'upgrader:encrypt-outbound-connection'])
/** Addresses tried of one peer. */
const MAX_ADDRESSES = 4

/** Someone who may be a live node. */
export interface Candidate {
  /** The peer id that must answer; undefined accepts any. */
  readonly id: string | undefined
  /** Where it may answer, best first. */
  readonly endpoints: readonly Endpoint[]
}

/** What answered: a peer, whose address is thereby proven, or this node itself. */
export type Dialled =
  | { readonly kind: 'peer'; readonly connection: Connection; readonly endpoint: Endpoint }
  | { readonly kind: 'self' }

export interface DialOptions extends CallOptions {
  /** Whether a request waits for it; default: no. */
  readonly urgent?: boolean
}

/** Dials candidates, few at a time. */
export class Dialer {
  readonly #node: MeshNode
  readonly #own: OwnPeer
  readonly #patient = new Turns({ limit: MAX_PATIENT_DIALS })
  readonly #urgent = new Turns({ limit: MAX_URGENT_DIALS })

  constructor(components: { readonly node: MeshNode; readonly own: OwnPeer }) {
    this.#node = components.node
    this.#own = components.own
  }

  /**
   * Tries the addresses of `candidate` in turn.
   * @throws {PeerUnreachableError} where none answers, or only with another peer id.
   */
  async dial(candidate: Candidate, options: DialOptions): Promise<Dialled> {
    if (candidate.id === this.#own.id) return { kind: 'self' }
    const turns = options.urgent === true ? this.#urgent : this.#patient
    using _turn = await turns.take()
    return await this.#dialEach(candidate, options)
  }

  async #dialEach(candidate: Candidate, options: CallOptions): Promise<Dialled> {
    const causes: unknown[] = []
    for (const endpoint of candidate.endpoints.slice(0, MAX_ADDRESSES)) {
      options.signal.throwIfAborted()
      // Interfaces such as docker0 have the same address on every node.
      if (this.#own.listensAt(endpoint)) {
        if (candidate.id === undefined) return { kind: 'self' }
        continue
      }
      try {
        return { kind: 'peer', endpoint, connection: await this.#connect(endpoint, candidate.id, options) }
      } catch (error) {
        if (error instanceof Error && error.name === 'InvalidPeerIdError') return { kind: 'self' }
        causes.push(error)
      }
    }
    await this.#forget(candidate.id)
    const name = candidate.id ?? candidate.endpoints.map(formatEndpoint).join(', ')
    throw new PeerUnreachableError(name, { cause: causes.length === 1 ? causes[0] : new AggregateError(causes) })
  }

  async #connect(endpoint: Endpoint, id: string | undefined, { signal }: CallOptions): Promise<Connection> {
    const connecting = new AbortController()
    const timer = setTimeout(
      () => connecting.abort(new Error(`no connection within ${CONNECT_TIMEOUT_MS} ms`)),
      CONNECT_TIMEOUT_MS,
    )
    try {
      return await this.#node.dial(multiaddrOf(endpoint, id), {
        signal: AbortSignal.any([signal, connecting.signal, AbortSignal.timeout(DIAL_TIMEOUT_MS)]),
        // An inbound connection of that peer proves nothing about where it listens.
        force: true,
        onProgress: ({ type }) => {
          if (ACCEPTED.has(type)) clearTimeout(timer)
        },
      })
    } finally {
      clearTimeout(timer)
    }
  }

  /** libp2p notes every failure with the peer's id, and anyone can name any number of ids. */
  async #forget(id: string | undefined): Promise<void> {
    if (id === undefined) return
    const peerId = peerIdFromString(id)
    if (this.#node.getConnections(peerId).length === 0) await this.#node.peerStore.delete(peerId)
  }
}
