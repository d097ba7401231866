import { formatHostPort } from '../../http/host-port.ts'
import type { Digest } from '../../oci/digest.ts'
import { DistributionError } from '../../oci/distribution-error.ts'
import { InvalidManifestError, InvalidReferenceError } from '../../oci/errors.ts'
import { parseImageName } from '../../oci/image-name.ts'
import { type Manifest, parseManifest } from '../../oci/manifest.ts'
import { MAX_MANIFEST_BYTES } from '../../oci/media-type.ts'
import { formatReference, type Reference } from '../../oci/reference.ts'
import { ContentNotFoundError } from '../../store/errors.ts'
import type { CallOptions } from '../../store/store.ts'
import type { ApiComponents } from './components.ts'
import { badRequest } from './json.ts'
import type { ImageState, PieceState } from './state.ts'

/** Pieces of one image that are listed and looked up. */
const MAX_PIECES = 128
/** Longest wait for all lookups of one answer together. */
const LOOKUP_TIMEOUT_MS = 1000
/** Holders told of one piece. */
const MAX_HOLDERS = 32

type Piece = Omit<PieceState, 'held' | 'holders'> & { readonly digest: Digest }

/**
 * The image that a person names: as far as it is held, its pieces and who else holds each.
 * @throws {DistributionError} where the name is none, or not held
 */
export async function imageState(components: ApiComponents, name: string, options: CallOptions): Promise<ImageState> {
  const reference = parseName(name)
  try {
    const digest = await digestOf(components, reference, options)
    const pieces = await piecesOf(components, digest, options)
    const { signal } = options
    const lookups = { signal: AbortSignal.any([signal, AbortSignal.timeout(LOOKUP_TIMEOUT_MS)]) }
    const pieceState = async ({ digest, kind, size, platform }: Piece): Promise<PieceState> => {
      const held = await holds(components, digest, options)
      const holders = await holdersOf(components, digest, lookups)
      return { digest, kind, size, ...(platform === undefined ? {} : { platform }), held, holders }
    }
    const listed = await Promise.all(pieces.slice(0, MAX_PIECES).map(pieceState))
    return { name: formatReference(reference), digest, pieces: listed, truncated: pieces.length > MAX_PIECES }
  } catch (error) {
    if (!(error instanceof ContentNotFoundError)) throw error
    throw new DistributionError('MANIFEST_UNKNOWN', `${formatReference(reference)} is not held here`, { cause: error })
  }
}

/** @throws {DistributionError} 400 where it is none */
export function parseName(name: string): Reference {
  try {
    return parseImageName(name)
  } catch (error) {
    if (!(error instanceof InvalidReferenceError)) throw error
    throw badRequest(error.message, { cause: error })
  }
}

async function digestOf({ store }: ApiComponents, reference: Reference, options: CallOptions): Promise<Digest> {
  return reference.kind === 'tag' ? await store.resolve(reference, options) : reference.digest
}

/** The manifest itself, and what it refers to, two steps down. */
async function piecesOf(components: ApiComponents, digest: Digest, options: CallOptions): Promise<readonly Piece[]> {
  const { size } = await components.store.describe(digest, options)
  const manifest = await readManifest(components, digest, options)
  const root: Piece = { digest, kind: manifest?.kind === 'index' ? 'index' : 'manifest', size }
  if (manifest === undefined) return [root]
  if (manifest.kind === 'image') return unique([root, ...partsOf(manifest)])
  const children: Piece[] = []
  for (const entry of manifest.manifests.slice(0, MAX_PIECES)) {
    const platform = entry.platform && [entry.platform.os, entry.platform.architecture, entry.platform.variant]
    const name = platform?.filter(part => part !== undefined).join('/')
    const { digest, size } = entry
    children.push({ digest, kind: 'manifest', size, ...(name === undefined ? {} : { platform: name }) })
    const child = await readManifest(components, digest, options).catch(ignoreMissing)
    if (child?.kind === 'image') children.push(...partsOf(child))
  }
  return unique([root, ...children])
}

function partsOf({ config, layers }: Extract<Manifest, { kind: 'image' }>): readonly Piece[] {
  return [
    { digest: config.digest, kind: 'config', size: config.size },
    ...layers.map(({ digest, size }): Piece => ({ digest, kind: 'layer', size })),
  ]
}

function unique(pieces: readonly Piece[]): readonly Piece[] {
  return [...new Map(pieces.map(piece => [piece.digest, piece] as const)).values()]
}

/** Undefined where the content is no manifest. */
async function readManifest(
  { store }: ApiComponents,
  digest: Digest,
  options: CallOptions,
): Promise<Manifest | undefined> {
  const blob = await store.open(digest, options)
  try {
    if (blob.size > MAX_MANIFEST_BYTES) return undefined
    const content = Buffer.alloc(blob.size)
    for (let length = 0, read = 1; read > 0 && length < content.length; length += read) {
      read = await blob.read(content.subarray(length), length)
    }
    return parseManifest(content)
  } catch (error) {
    if (error instanceof InvalidManifestError) return undefined
    throw error
  } finally {
    await blob.close()
  }
}

async function holds({ store }: ApiComponents, digest: Digest, options: CallOptions): Promise<boolean> {
  return (await store.describe(digest, options).catch(ignoreMissing)) !== undefined
}

async function holdersOf({ router }: ApiComponents, key: Digest, options: CallOptions): Promise<readonly string[]> {
  const holders: string[] = []
  for await (const peer of router.lookup(key, options)) {
    holders.push(formatHostPort(peer.registry))
    if (holders.length === MAX_HOLDERS) break
  }
  return holders.toSorted()
}

function ignoreMissing(error: unknown): undefined {
  if (!(error instanceof ContentNotFoundError)) throw error
}
