import { type Digest, isDigest } from '../oci/digest.ts'
import { type JsonObject, parseJsonObject } from '../oci/json-object.ts'
import { InvalidClaimError } from './errors.ts'

/** Where coordinators take claims, on the registry listener. */
export const CLAIMS_PATH = '/spegel/v1/claims'
/** Largest claim, and answer to one, that is read; a real one has some 300 bytes. */
export const MAX_CLAIM_BYTES = 4096
/** Most peers that a claim names as lost or behind, and that an answer names as parents. */
export const MAX_NAMED_PEERS = 8
/** Longest peer id; an Ed25519 id has 52 characters. */
const MAX_ID_LENGTH = 128

/** A node wants content that nobody seems to have, and asks whether somebody is fetching it already. */
export interface Claim {
  /** Peer id of the node that claims. Claims are keyed by it and `digest`. */
  readonly node: string
  readonly digest: Digest
  /** How many bytes of the content the node has; it needs what follows. */
  readonly offset: number
  /** Parents that can't be reached or gave up. The coordinator takes the node's word only for the parent it gave it. */
  readonly lost: readonly string[]
  /** Parents from which nothing came for too long. */
  readonly stalled: readonly string[]
  /** Parents that may be well, but are of no use to the node: they have less of the content than it, or it can't find them. */
  readonly behind: readonly string[]
  /** Whether another coordinator sent the node here, or closer ones take no claims: it is not sent on. */
  readonly redirected: boolean
  /** Whether a closer coordinator was asked, and has not answered so far. Default: false. */
  readonly hedged?: boolean
}

/** What the coordinator says to a claim. */
export type ClaimAnswer =
  /** Fetch it from upstream: the others follow. */
  | { readonly outcome: 'granted' }
  /** Somebody fetches it: ask these peers, the first one first. `depth` is the node's own, 1 below one that fetches. */
  | { readonly outcome: 'follow'; readonly parents: readonly string[]; readonly depth: number }
  /** Ask that member instead: it is closer to the digest. */
  | { readonly outcome: 'redirect'; readonly to: string }
  /** The coordinator has no room for the claim: the node is on its own. */
  | { readonly outcome: 'refused' }
  /** Go on waiting for the closer coordinator that you asked before. */
  | { readonly outcome: 'wait' }

export function encodeClaim(claim: Claim): Buffer {
  return Buffer.from(JSON.stringify(claim))
}

export function encodeAnswer(answer: ClaimAnswer): Buffer {
  return Buffer.from(JSON.stringify(answer))
}

/** @throws {InvalidClaimError} naming the field at fault */
export function parseClaim(content: Uint8Array): Claim {
  const fields = parseFields(content)
  const { digest, offset, redirected, hedged = false } = fields
  if (typeof digest !== 'string' || !isDigest(digest)) throw new InvalidClaimError('digest')
  if (typeof offset !== 'number' || !Number.isSafeInteger(offset) || offset < 0) throw new InvalidClaimError('offset')
  if (typeof redirected !== 'boolean') throw new InvalidClaimError('redirected')
  if (typeof hedged !== 'boolean') throw new InvalidClaimError('hedged')
  return {
    node: peerId(fields, 'node'),
    digest,
    offset,
    lost: peerIds(fields, 'lost'),
    stalled: peerIds(fields, 'stalled'),
    behind: peerIds(fields, 'behind'),
    redirected,
    ...(hedged && { hedged }),
  }
}

/** @throws {InvalidClaimError} naming the field at fault */
export function parseAnswer(content: Uint8Array): ClaimAnswer {
  const fields = parseFields(content)
  const { outcome, depth } = fields
  switch (outcome) {
    case 'granted':
    case 'refused':
    case 'wait':
      return { outcome }
    case 'redirect':
      return { outcome, to: peerId(fields, 'to') }
    case 'follow': {
      const parents = peerIds(fields, 'parents')
      if (parents.length === 0) throw new InvalidClaimError('parents')
      if (typeof depth !== 'number' || !Number.isSafeInteger(depth) || depth < 1) throw new InvalidClaimError('depth')
      return { outcome, parents, depth }
    }
    default:
      throw new InvalidClaimError('outcome')
  }
}

function parseFields(content: Uint8Array): JsonObject {
  if (content.length > MAX_CLAIM_BYTES) throw new InvalidClaimError('length')
  try {
    return parseJsonObject(content)
  } catch (cause) {
    throw new InvalidClaimError('JSON', { cause })
  }
}

function peerId(fields: JsonObject, field: string): string {
  const id = fields[field]
  if (!isPeerId(id)) throw new InvalidClaimError(field)
  return id
}

function peerIds(fields: JsonObject, field: string): readonly string[] {
  const ids: unknown = fields[field]
  if (!Array.isArray(ids) || ids.length > MAX_NAMED_PEERS || !ids.every(isPeerId)) throw new InvalidClaimError(field)
  return ids
}

function isPeerId(id: unknown): id is string {
  return typeof id === 'string' && id.length > 0 && id.length <= MAX_ID_LENGTH
}
