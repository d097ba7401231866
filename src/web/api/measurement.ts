import type { PeerBody, PeerClient } from '../../http/peer-client.ts'
import { type Digest, digestAlgorithm, finishDigest, isDigest, startDigest } from '../../oci/digest.ts'
import { formatDistributionPath } from '../../oci/distribution-path.ts'
import { type ImageManifest, type Manifest, parseManifest } from '../../oci/manifest.ts'
import { MAX_MANIFEST_BYTES } from '../../oci/media-type.ts'
import { type Platform, selectPlatform } from '../../oci/platform.ts'
import { formatReference, type Reference } from '../../oci/reference.ts'
import type { CallOptions, Endpoint } from '../../routing/router.ts'
import { MeasureError } from './errors.ts'
import type { MeasuredPiece, MeasureState } from './state.ts'

/** As containerd's CRI fetches layers. */
const MAX_PARALLEL = 3
/** Pieces of one image that are fetched. */
const MAX_PIECES = 512
/** Longest wait for a response head. */
const HEADERS_TIMEOUT_MS = 10_000
const MANIFEST_TYPES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ')

export interface MeasurementComponents {
  readonly peerClient: PeerClient
  /** Where this node's own registry answers. */
  readonly registry: Endpoint
}

export interface MeasurementOptions {
  readonly reference: Reference
  readonly platform: Platform
}

interface Piece {
  readonly kind: MeasuredPiece['kind']
  /** What is asked for; a tag only for the first. */
  readonly reference: Reference
}

type PieceInProgress = { -readonly [Key in keyof MeasuredPiece]: MeasuredPiece[Key] }

interface BodyToRead {
  readonly body: PeerBody
  readonly digest: Digest
  /** Whether the content is wanted, and not only known to be right. */
  readonly keep: boolean
}

/** A pull of one image through this node's mirror, as a client makes it, that keeps nothing. */
export class Measurement {
  readonly #components: MeasurementComponents
  readonly #options: MeasurementOptions
  readonly #startedAt = performance.now()
  readonly #pieces: PieceInProgress[] = []
  #end: { readonly ms: number; readonly error?: string } | undefined

  constructor(components: MeasurementComponents, options: MeasurementOptions) {
    this.#components = components
    this.#options = options
  }

  /** How far it is. */
  state(): MeasureState {
    const pieces = this.#pieces.map(piece => ({ ...piece }))
    const { ms = this.#elapsed(), ...failure } = this.#end ?? {}
    return {
      image: formatReference(this.#options.reference),
      pieces,
      bytes: pieces.reduce((sum, { bytes }) => sum + bytes, 0),
      ms,
      done: this.#end !== undefined,
      ...failure,
    }
  }

  /** Pulls. Resolves whether that works or not, which {@link state} tells; rejects only where `signal` aborts. */
  async run({ signal }: CallOptions): Promise<void> {
    try {
      const { config, layers } = await this.#image({ signal })
      const rest = [...new Map([config, ...layers].map(part => [part.digest, part] as const)).values()]
      if (rest.length > MAX_PIECES) throw new MeasureError(`more than ${MAX_PIECES} layers`)
      const next = rest.values()
      const failed = new AbortController()
      const both = AbortSignal.any([signal, failed.signal])
      const lane = async (): Promise<void> => {
        for (const { digest } of next) {
          const kind = digest === config.digest ? 'config' : 'layer'
          await this.#fetch({ kind, reference: this.#named(digest) }, { signal: both })
        }
      }
      const lanes = Array.from({ length: MAX_PARALLEL }, lane)
      try {
        await Promise.all(lanes)
      } finally {
        failed.abort()
        await Promise.allSettled(lanes)
      }
      this.#end = { ms: this.#elapsed() }
    } catch (error) {
      this.#end = { ms: this.#elapsed(), error: error instanceof Error ? error.message : String(error) }
      signal.throwIfAborted()
    }
  }

  /** The manifest for the platform. */
  async #image(options: CallOptions): Promise<ImageManifest> {
    const { reference, platform } = this.#options
    const root = await this.#manifest(reference, options)
    if (root.kind === 'image') return root
    const chosen = selectPlatform(root.manifests, platform)
    if (chosen === undefined) throw new MeasureError('the image has nothing for the platform of this node')
    const manifest = await this.#manifest(this.#named(chosen.digest), options)
    if (manifest.kind === 'index') throw new MeasureError('an index within an index')
    return manifest
  }

  async #manifest(reference: Reference, options: CallOptions): Promise<Manifest> {
    const content = await this.#fetch({ kind: 'manifest', reference }, options)
    const manifest = parseManifest(content)
    const piece = this.#pieces.at(-1)
    if (piece !== undefined && manifest.kind === 'index') piece.kind = 'index'
    return manifest
  }

  #named(digest: Digest): Reference {
    const { registry, repository } = this.#options.reference
    return { kind: 'digest', registry, repository, digest }
  }

  /** Fetches a piece and verifies it. Returns its content where that is a manifest. */
  async #fetch({ kind, reference }: Piece, { signal }: CallOptions): Promise<Buffer> {
    const piece: PieceInProgress = {
      digest: reference.kind === 'digest' ? reference.digest : reference.tag,
      kind,
      size: 0,
      bytes: 0,
      startMs: this.#elapsed(),
    }
    this.#pieces.push(piece)
    const { peerClient, registry } = this.#components
    const isManifest = kind === 'manifest'
    try {
      const response = await peerClient.request(
        {
          endpoint: registry,
          method: 'GET',
          target: formatDistributionPath(targetOf(isManifest, reference)),
          headers: isManifest ? { accept: MANIFEST_TYPES } : {},
        },
        { signal, headersTimeoutMs: HEADERS_TIMEOUT_MS },
      )
      piece.headMs = this.#elapsed()
      const { status, headers, body } = response
      try {
        if (status !== 200) throw new MeasureError(status === 404 ? 'no node has it' : `the mirror answers ${status}`)
        const digest = headers['docker-content-digest']
        if (typeof digest !== 'string' || !isDigest(digest))
          throw new MeasureError('the mirror does not say what it sends')
        piece.digest = digest
        piece.size = Number(headers['content-length'] ?? 0)
        const { 'x-spegel-source': source } = headers
        if (typeof source === 'string') piece.source = source
        return await this.#read(piece, { body, digest, keep: isManifest })
      } finally {
        body.destroy()
      }
    } catch (error) {
      piece.error = error instanceof Error ? error.message : String(error)
      throw error
    } finally {
      piece.endMs = this.#elapsed()
    }
  }

  async #read(piece: PieceInProgress, { body, digest, keep }: BodyToRead): Promise<Buffer> {
    const hash = startDigest(digest)
    const kept: Buffer[] = []
    for (;;) {
      const chunk = await body.read()
      if (chunk === undefined) break
      hash.update(chunk)
      piece.bytes += chunk.length
      if (keep && piece.bytes > MAX_MANIFEST_BYTES) throw new MeasureError('the manifest is too large')
      // The chunk is the connection's, and valid until the next one.
      if (keep) kept.push(Buffer.from(chunk))
    }
    if (finishDigest(hash, digestAlgorithm(digest)) !== digest)
      throw new MeasureError('what came is not what was asked for')
    return Buffer.concat(kept)
  }

  #elapsed(): number {
    return Math.round((performance.now() - this.#startedAt) * 10) / 10
  }
}

function targetOf(isManifest: boolean, reference: Reference): Parameters<typeof formatDistributionPath>[0] {
  if (isManifest) return { kind: 'manifest', reference }
  if (reference.kind === 'tag') throw new MeasureError('blobs have no tags')
  return { kind: 'blob', reference }
}
