import { InvalidKadMessageError } from './errors.ts'
import { decodeKadMessage, frameKadMessage, type KadMessage, type KadPeer, kadMessage } from './kad-message.ts'
import type { MemberTable } from './members.ts'
import type { OwnPeer } from './own-peer.ts'
import type { ProviderRecords } from './provider-records.ts'
import type { RecentAskers } from './recent-askers.ts'
import { positionOf } from './record-key.ts'
import type { FrameHandler, Requester } from './stream-service.ts'

/** Peers and providers named in one answer. */
const MAX_NAMED = 20

export interface KadServerComponents {
  readonly members: MemberTable
  readonly records: ProviderRecords
  readonly askers: RecentAskers
  readonly own: OwnPeer
  /** Whether this node itself holds the record key. */
  readonly provides: (key: Uint8Array) => boolean
}

/** Answers the kad messages of other nodes. */
export class KadServer implements FrameHandler {
  /** Longest request: a key, and one peer with its addresses. */
  readonly maxRequestBytes = 16 * 1024
  readonly #components: KadServerComponents

  constructor(components: KadServerComponents) {
    this.#components = components
  }

  answer(request: Uint8Array, { idBytes }: Requester): Uint8Array | undefined {
    const answer = this.answerTo(decodeKadMessage(request), idBytes)
    return answer === undefined ? undefined : frameKadMessage(answer)
  }

  /**
   * The answer to `message`, undefined where none is due.
   * @param from id of the peer that sent it, as its connection proves
   * @throws {InvalidKadMessageError} for what this node refuses.
   */
  answerTo(message: KadMessage, from: Uint8Array): KadMessage | undefined {
    const { type, key } = message
    switch (type) {
      case 'PING':
        return kadMessage('PING')
      case 'FIND_NODE':
        return kadMessage(type, { key, closer: this.#closer(key, from) })
      case 'GET_PROVIDERS':
        return kadMessage(type, { key, closer: this.#closer(key, from), providers: this.#providers(key, from) })
      case 'ADD_PROVIDER':
        this.#add(message, from)
        return undefined
      case 'PUT_VALUE':
      case 'GET_VALUE':
        break
    }
    // Values are unauthenticated, and nothing in Spegel uses them: storing any is a way to fill a node's memory.
    throw new InvalidKadMessageError(`${type} is not served`)
  }

  #closer(key: Uint8Array, from: Uint8Array): readonly KadPeer[] {
    if (key.length === 0) throw new InvalidKadMessageError('no key')
    const { members, own } = this.#components
    const closest = members
      .closest(positionOf(key), MAX_NAMED + 1)
      .map(member => member.kadPeer)
      // Nobody needs to be told of itself, unless it asks: a node with the same id at another address may come to light.
      .filter(peer => !isSame(peer.id, from) || isSame(key, from))
      .slice(0, MAX_NAMED)
    // Go asks a node for itself before it takes the node into its routing table.
    return isSame(key, own.idBytes) ? [own.kadPeer, ...closest] : closest
  }

  #providers(key: Uint8Array, from: Uint8Array): readonly KadPeer[] {
    const { askers, own, provides, records } = this.#components
    const sampled = records.sample(key, MAX_NAMED)
    const providers = provides(key) ? [own.kadPeer, ...sampled.slice(0, MAX_NAMED - 1)] : sampled
    if (providers.length > 0) askers.note(key, from)
    return providers
  }

  /** A provider may announce only itself; what it says of others is ignored. */
  #add({ key, providers }: KadMessage, from: Uint8Array): void {
    if (key.length === 0) throw new InvalidKadMessageError('no key')
    for (const provider of providers) {
      if (isSame(provider.id, from)) this.#components.records.add(key, provider)
    }
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}
