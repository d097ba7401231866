import { InvalidKadMessageError } from './errors.ts'
import { MAX_ADDRESS_BYTES, MAX_ADDRESSES, MAX_KEY_BYTES, MAX_PEER_ID_BYTES } from './kad-message.ts'
import { BYTES, protobufFields, VARINT } from './protobuf-reader.ts'
import { bytesField, frame, varintField } from './protobuf-writer.ts'

/** Keys of one message; more make it invalid. */
export const MAX_KEYS = 512
/** Longest message: as many keys as it may hold, of the size that nodes use, in less than half of it. */
export const MAX_RECORDS_MESSAGE_BYTES = 64 * 1024
const MAX_PORT = 65_535
const MAX_PROCESS = 2 ** 32 - 1
const ADDRESSES: ByteLimits = { maxCount: MAX_ADDRESSES, maxBytes: MAX_ADDRESS_BYTES }

/** First message of either side. */
export interface Hello {
  readonly type: 'hello'
  /** TCP port of the sender's registry. */
  readonly registryPort: number
  /** A random number below 2^32, drawn once a process: where it has changed the sender has lost its records. */
  readonly process: number
}

/** The sender holds `keys` and serves them at `addresses` (of its router). Answered by {@link Added}. */
interface Add {
  readonly type: 'add'
  readonly keys: readonly Uint8Array[]
  readonly addresses: readonly Uint8Array[]
}

/** The answer to {@link Add}. */
interface Added {
  readonly type: 'added'
  /** Places, in the list of keys, of those with so many holders that the sender need not announce them for a while. */
  readonly enough: readonly number[]
}

/** The sender holds `keys` no longer. Answered by {@link Removed}. */
interface Remove {
  readonly type: 'remove'
  readonly keys: readonly Uint8Array[]
}

/** The answer to {@link Remove} and {@link Gone}. */
interface Removed {
  readonly type: 'removed'
}

/** A `provider` that the sender named to the receiver a moment ago holds `keys` no longer. Answered by {@link Removed}. */
export interface Gone {
  readonly type: 'gone'
  /** Peer id as multihash bytes. */
  readonly provider: Uint8Array
  readonly keys: readonly Uint8Array[]
}

/**
 * A message of `/spegel/records/1.0.0`: a protobuf message with one field, whose number is the type and whose content is
 * a message again. Unknown fields are skipped, so that later versions may add some.
 *
 *     message Records { Hello hello = 1; Add add = 2; Added added = 3; Remove remove = 4; Removed removed = 5; Gone gone = 6; }
 *     message Hello   { uint32 registry_port = 1; uint32 process = 2; }
 *     message Add     { repeated bytes keys = 1; repeated bytes addresses = 2; }
 *     message Added   { repeated uint32 enough = 1 [packed = false]; }
 *     message Remove  { repeated bytes keys = 1; }
 *     message Removed {}
 *     message Gone    { repeated bytes keys = 1; bytes provider = 2; }
 */
export type RecordsMessage = Hello | Add | Added | Remove | Removed | Gone

/** Types in the order of their field numbers, which begin at 1. */
const TYPES = ['hello', 'add', 'added', 'remove', 'removed', 'gone'] as const

/**
 * Reads one message, which owns its bytes then.
 * @throws {InvalidKadMessageError}
 */
export function decodeRecordsMessage(data: Uint8Array): RecordsMessage {
  for (const { number, wireType, bytes } of protobufFields(data)) {
    const type = TYPES[number - 1]
    if (type === undefined || wireType !== BYTES) continue
    return decodeContent(type, bytes)
  }
  throw new InvalidKadMessageError('records message of no known type')
}

/** Writes one message, without the length that frames it. */
export function encodeRecordsMessage(message: RecordsMessage): Uint8Array {
  return Buffer.concat(bytesField(TYPES.indexOf(message.type) + 1, Buffer.concat(encodeContent(message))))
}

/** Writes one message preceded by its length, as it goes on a stream. */
export function frameRecordsMessage(message: RecordsMessage): Uint8Array {
  return frame(encodeRecordsMessage(message))
}

function decodeContent(type: RecordsMessage['type'], data: Uint8Array): RecordsMessage {
  switch (type) {
    case 'hello': {
      const [registryPort] = numberFields(data, 1, { maxCount: 1, max: MAX_PORT })
      const [process] = numberFields(data, 2, { maxCount: 1, max: MAX_PROCESS })
      if (registryPort === undefined || registryPort === 0) throw new InvalidKadMessageError('hello without a port')
      return { type, registryPort, process: process ?? 0 }
    }
    case 'add':
      return { type, keys: keyFields(data), addresses: byteFields(data, 2, ADDRESSES) }
    case 'added':
      return { type, enough: numberFields(data, 1, { maxCount: MAX_KEYS, max: MAX_KEYS - 1 }) }
    case 'remove':
      return { type, keys: keyFields(data) }
    case 'removed':
      return { type }
    case 'gone':
      break
  }
  const [provider] = byteFields(data, 2, { maxCount: 1, maxBytes: MAX_PEER_ID_BYTES })
  if (provider === undefined) throw new InvalidKadMessageError('gone without a provider')
  return { type, keys: keyFields(data), provider }
}

function encodeContent(message: RecordsMessage): readonly Uint8Array[] {
  switch (message.type) {
    case 'hello':
      return [varintField(1, message.registryPort), varintField(2, message.process)]
    case 'add':
      return [
        ...message.keys.flatMap(key => bytesField(1, key)),
        ...message.addresses.flatMap(address => bytesField(2, address)),
      ]
    case 'added':
      return message.enough.map(place => varintField(1, place))
    case 'remove':
      return message.keys.flatMap(key => bytesField(1, key))
    case 'removed':
      return []
    case 'gone':
      break
  }
  return [...message.keys.flatMap(key => bytesField(1, key)), ...bytesField(2, message.provider)]
}

function keyFields(data: Uint8Array): Buffer[] {
  return byteFields(data, 1, { maxCount: MAX_KEYS, maxBytes: MAX_KEY_BYTES })
}

interface ByteLimits {
  readonly maxCount: number
  readonly maxBytes: number
}

function byteFields(data: Uint8Array, number: number, { maxCount, maxBytes }: ByteLimits): Buffer[] {
  const found: Buffer[] = []
  for (const field of protobufFields(data)) {
    if (field.number !== number || field.wireType !== BYTES) continue
    const { length } = field.bytes
    if (length > maxBytes) throw new InvalidKadMessageError(`field ${number} of ${length} bytes`)
    if (found.length >= maxCount) throw new InvalidKadMessageError(`more than ${maxCount} fields ${number}`)
    found.push(Buffer.from(field.bytes))
  }
  return found
}

interface NumberLimits {
  readonly maxCount: number
  readonly max: number
}

function numberFields(data: Uint8Array, number: number, { maxCount, max }: NumberLimits): number[] {
  const found: number[] = []
  for (const field of protobufFields(data)) {
    if (field.number !== number || field.wireType !== VARINT) continue
    if (field.value > max) throw new InvalidKadMessageError(`field ${number} with value ${field.value}`)
    if (found.length >= maxCount) throw new InvalidKadMessageError(`more than ${maxCount} fields ${number}`)
    found.push(field.value)
  }
  return found
}
