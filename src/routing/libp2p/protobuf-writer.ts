import { BYTES, VARINT } from './protobuf-reader.ts'

/** `value`, a non-negative integer, as a varint. */
function varintBytes(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  bytes.push(rest)
  return bytes
}

/** A varint field. */
export function varintField(number: number, value: number): Uint8Array {
  return new Uint8Array([number * 8 + VARINT, ...varintBytes(value)])
}

/** A length-delimited field: its head and then its bytes. */
export function bytesField(number: number, content: Uint8Array): readonly Uint8Array[] {
  return [new Uint8Array([number * 8 + BYTES, ...varintBytes(content.length)]), content]
}

/** One message preceded by its length, as it goes on a stream. */
export function frame(content: Uint8Array): Uint8Array {
  return Buffer.concat([new Uint8Array(varintBytes(content.length)), content])
}
