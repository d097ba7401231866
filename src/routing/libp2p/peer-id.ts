import { peerIdFromMultihash } from '@libp2p/peer-id'
import { decode } from 'multiformats/hashes/digest'

/** The text form of a peer id that came as multihash bytes. Undefined for bytes that are no peer id. */
export function peerIdText(bytes: Uint8Array): string | undefined {
  try {
    return peerIdFromMultihash(decode(bytes)).toString()
  } catch {
    return undefined
  }
}
