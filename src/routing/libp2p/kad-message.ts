import { InvalidKadMessageError } from './errors.ts'
import { BYTES, protobufFields, VARINT } from './protobuf-reader.ts'
import { bytesField, frame, varintField } from './protobuf-writer.ts'

/** Longest key of a message. Go refuses longer ones, too. */
export const MAX_KEY_BYTES = 80
/** Longest peer id; identity multihashes of Ed25519 keys take 38 bytes, hashed RSA keys 34. */
export const MAX_PEER_ID_BYTES = 64
/** Peers kept of each list of a message; the rest is ignored. */
const MAX_PEERS = 128
/** Addresses kept of each peer; the rest is ignored. */
export const MAX_ADDRESSES = 16
/** Longer addresses are ignored: a plain TCP address takes 8 or 20 bytes, one with a peer id some 50 more. */
export const MAX_ADDRESS_BYTES = 128

/** Message types in the order of their numbers on the wire. */
const TYPES = ['PUT_VALUE', 'GET_VALUE', 'ADD_PROVIDER', 'GET_PROVIDERS', 'FIND_NODE', 'PING'] as const

/** What a message asks for; an answer repeats it. `PUT_VALUE` and `GET_VALUE` are known only to be refused. */
export type KadMessageType = (typeof TYPES)[number]

/** A peer as messages name it. */
export interface KadPeer {
  /** Peer id as multihash bytes. */
  readonly id: Uint8Array
  /** Multiaddrs in binary form. */
  readonly addresses: readonly Uint8Array[]
}

/** A request or an answer. Fields that a type does not use are empty. */
export interface KadMessage {
  readonly type: KadMessageType
  /** A record key, or the peer id that FIND_NODE asks for. */
  readonly key: Uint8Array
  /** Peers nearer to the key. */
  readonly closer: readonly KadPeer[]
  /** Peers that hold what the key names. */
  readonly providers: readonly KadPeer[]
}

/** A message of `type` with what is given; the rest is empty. */
export function kadMessage(type: KadMessageType, fields: Partial<Omit<KadMessage, 'type'>> = {}): KadMessage {
  return { type, key: new Uint8Array(), closer: [], providers: [], ...fields }
}

function decodePeer(data: Uint8Array): KadPeer | undefined {
  let id: Uint8Array | undefined
  const addresses: Uint8Array[] = []
  for (const { number, wireType, bytes } of protobufFields(data)) {
    if (wireType !== BYTES) continue
    if (number === 1) id = new Uint8Array(bytes)
    else if (number === 2 && bytes.length <= MAX_ADDRESS_BYTES && addresses.length < MAX_ADDRESSES) {
      addresses.push(new Uint8Array(bytes))
    }
  }
  return id === undefined || id.length === 0 || id.length > MAX_PEER_ID_BYTES ? undefined : { id, addresses }
}

function pushPeer(peers: KadPeer[], data: Uint8Array): void {
  if (peers.length >= MAX_PEERS) return
  const peer = decodePeer(data)
  if (peer !== undefined) peers.push(peer)
}

/**
 * Reads one message. The result owns its bytes. Peers without a usable id are left out; what this node does not know
 * (records, connection types, later fields) is skipped.
 * @throws {InvalidKadMessageError}
 * @see https://github.com/libp2p/specs/blob/master/kad-dht/README.md#rpc-messages
 */
export function decodeKadMessage(data: Uint8Array): KadMessage {
  let type: KadMessageType = TYPES[0]
  let key: Uint8Array = new Uint8Array()
  const closer: KadPeer[] = []
  const providers: KadPeer[] = []
  for (const { number, wireType, value, bytes } of protobufFields(data)) {
    if (number === 1 && wireType === VARINT) {
      const known = TYPES[value]
      if (known === undefined) throw new InvalidKadMessageError(`type ${value}`)
      type = known
    } else if (wireType !== BYTES) continue
    else if (number === 2) {
      if (bytes.length > MAX_KEY_BYTES) throw new InvalidKadMessageError(`key of ${bytes.length} bytes`)
      key = new Uint8Array(bytes)
    } else if (number === 8) pushPeer(closer, bytes)
    else if (number === 9) pushPeer(providers, bytes)
  }
  return { type, key, closer, providers }
}

function encodePeer(peer: KadPeer): Uint8Array {
  return Buffer.concat([...bytesField(1, peer.id), ...peer.addresses.flatMap(address => bytesField(2, address))])
}

/** Writes one message, without the length that frames it. */
export function encodeKadMessage(message: KadMessage): Uint8Array {
  return Buffer.concat([
    varintField(1, TYPES.indexOf(message.type)),
    ...(message.key.length > 0 ? bytesField(2, message.key) : []),
    ...message.closer.flatMap(peer => bytesField(8, encodePeer(peer))),
    ...message.providers.flatMap(peer => bytesField(9, encodePeer(peer))),
  ])
}

/** Writes one message preceded by its length, as it goes on a stream. */
export function frameKadMessage(message: KadMessage): Uint8Array {
  return frame(encodeKadMessage(message))
}
