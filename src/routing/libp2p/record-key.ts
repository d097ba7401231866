import { createHash } from 'node:crypto'

/** What a routing key is on the wire, and where it lies among the peers. */
export interface RecordKey {
  /** Multihash of CIDv1(raw, sha2-256(key)): what ADD_PROVIDER and GET_PROVIDERS carry. */
  readonly bytes: Buffer
  /** SHA-256 of those bytes; distances are measured between these. */
  readonly position: Buffer
}

/** Multihash prefix: sha2-256, 32 bytes. */
const SHA256_PREFIX = Buffer.from([0x12, 0x20])

function sha256(data: Uint8Array | string): Buffer {
  return createHash('sha256').update(data).digest()
}

/** The place of a record key or a peer id (both as bytes) in the key space. */
export function positionOf(bytes: Uint8Array): Buffer {
  return sha256(bytes)
}

/** The record key of a routing key (`sha256:…` or `registry/repository:tag`). Go Spegel computes the same. */
export function recordKey(key: string): RecordKey {
  const bytes = Buffer.concat([SHA256_PREFIX, sha256(key)])
  return { bytes, position: positionOf(bytes) }
}

/** Orders positions by their XOR distance to `target`: negative where `a` is nearer than `b`. */
export function compareDistance(target: Buffer, a: Buffer, b: Buffer): number {
  for (let offset = 0; offset < target.length; offset += 4) {
    const word = target.readUInt32BE(offset)
    const difference = ((a.readUInt32BE(offset) ^ word) >>> 0) - ((b.readUInt32BE(offset) ^ word) >>> 0)
    if (difference !== 0) return difference
  }
  return 0
}
