/** `bytes` as a string, one character a byte: keys of a Map, since bytes themselves compare by identity. */
export function nameOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}
