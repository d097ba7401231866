const FNV_OFFSET = 0x811c9dc5
const FNV_PRIME = 0x01000193

/** A number that depends on both texts, evenly spread over 32 bits (FNV-1a). Not for secrets. */
export function rankOf(node: string, digest: string): number {
  let hash = FNV_OFFSET
  for (const text of [node, digest]) {
    for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), FNV_PRIME)
  }
  return hash >>> 0
}
