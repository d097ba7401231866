import type { Blob } from './store.ts'

/** Fills `into` from the start of `blob`, as far as that goes; how many bytes those are. */
export async function readFully(blob: Pick<Blob, 'read'>, into: Buffer): Promise<number> {
  let length = 0
  while (length < into.length) {
    const read = await blob.read(into.subarray(length), length)
    if (read === 0) break
    length += read
  }
  return length
}
