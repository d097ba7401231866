import { InvalidKadMessageError } from './errors.ts'

/** A varint of 64 bits takes ten bytes at most. */
const MAX_VARINT_BYTES = 10

/** Wire types of fields this codec reads; the others are skipped or refused. */
export const VARINT = 0
export const BYTES = 2

/** One field as it is on the wire. `value` is set for varints, `bytes` (a view) for length-delimited fields. */
export interface Field {
  readonly number: number
  readonly wireType: number
  readonly value: number
  readonly bytes: Uint8Array
}

const NO_BYTES = new Uint8Array()

/**
 * Iterates over the fields of one protobuf message. Never reads outside `data`, whatever it holds. Varints beyond 2^53
 * lose precision; none that this codec uses is that large.
 * @throws {InvalidKadMessageError}
 * @see https://protobuf.dev/programming-guides/encoding/
 */
export function* protobufFields(data: Uint8Array): Generator<Field> {
  let offset = 0

  function varint(): number {
    let value = 0
    for (let index = 0; index < MAX_VARINT_BYTES; index++) {
      const byte = data[offset++]
      if (byte === undefined) throw new InvalidKadMessageError('truncated varint')
      value += (byte & 0x7f) * 2 ** (7 * index)
      if (byte < 0x80) return value
    }
    throw new InvalidKadMessageError('varint longer than ten bytes')
  }

  function take(length: number): Uint8Array {
    if (length > data.length - offset) throw new InvalidKadMessageError('truncated field')
    offset += length
    return data.subarray(offset - length, offset)
  }

  while (offset < data.length) {
    const tag = varint()
    const number = Math.floor(tag / 8)
    const wireType = tag % 8
    if (number === 0) throw new InvalidKadMessageError('field number 0')
    switch (wireType) {
      case VARINT:
        yield { number, wireType, value: varint(), bytes: NO_BYTES }
        break
      case BYTES:
        yield { number, wireType, value: 0, bytes: take(varint()) }
        break
      case 1:
        take(8)
        break
      case 5:
        take(4)
        break
      default:
        throw new InvalidKadMessageError(`wire type ${wireType}`)
    }
  }
}
