import type { Descriptor } from './descriptor.ts'
import { type Digest, isDigest } from './digest.ts'
import { InvalidManifestError, quote } from './errors.ts'
import { isJsonObject, type JsonObject, parseJsonObject } from './json-object.ts'
import {
  isIndexMediaType,
  isManifestMediaType,
  isMediaType,
  MAX_MANIFEST_BYTES,
  MAX_MANIFEST_VALUES,
  manifestMediaType,
} from './media-type.ts'
import type { Platform } from './platform.ts'

/** Most descriptors that one manifest or index may hold. */
export const MAX_DESCRIPTORS = 10_000

/** A manifest that an index lists. */
interface IndexEntry extends Descriptor {
  readonly platform?: Platform
}

/** A list of manifests of one image, mostly one a platform. */
export interface Index {
  readonly kind: 'index'
  readonly mediaType: string
  readonly manifests: readonly IndexEntry[]
}

/** An image for one platform, or an artifact. */
export interface ImageManifest {
  readonly kind: 'image'
  readonly mediaType: string
  readonly config: Descriptor
  readonly layers: readonly Descriptor[]
}

/**
 * What a registry serves under `/manifests/`.
 * @see https://github.com/opencontainers/image-spec/blob/main/image-index.md
 * @see https://github.com/opencontainers/image-spec/blob/main/manifest.md
 */
export type Manifest = Index | ImageManifest

/**
 * Parses an OCI or Docker schema 2 manifest or index and checks every descriptor.
 * @throws {InvalidManifestError} also for content over {@link MAX_MANIFEST_BYTES}, {@link MAX_MANIFEST_VALUES} or
 * {@link MAX_DESCRIPTORS}, and for content that could be taken for a manifest and an index alike
 */
export function parseManifest(content: Uint8Array): Manifest {
  const object = parseObject(content)
  const mediaType = manifestMediaType(object)
  if (mediaType === undefined) throw new InvalidManifestError('neither a manifest nor an index')
  if (!isManifestMediaType(mediaType)) throw new InvalidManifestError(`unsupported media type ${quote(mediaType)}`)
  if (isIndexMediaType(mediaType)) {
    if ('config' in object || 'layers' in object) throw new InvalidManifestError('an index with a config or layers')
    return { kind: 'index', mediaType, manifests: parseList(object, 'manifests').map(parseIndexEntry) }
  }
  if ('manifests' in object) throw new InvalidManifestError('an image manifest with a list of manifests')
  const config = parseDescriptor(object['config'], 'config')
  return { kind: 'image', mediaType, config, layers: parseList(object, 'layers').map(parseLayer) }
}

/** The content that `manifest` refers to, each digest once, in order. */
export function childDigests(manifest: Manifest): readonly Digest[] {
  const children = manifest.kind === 'index' ? manifest.manifests : [manifest.config, ...manifest.layers]
  return [...new Set(children.map(child => child.digest))]
}

function parseObject(content: Uint8Array): JsonObject {
  if (content.length > MAX_MANIFEST_BYTES) throw new InvalidManifestError(`larger than ${MAX_MANIFEST_BYTES} bytes`)
  try {
    return parseJsonObject(content, MAX_MANIFEST_VALUES)
  } catch (cause) {
    throw new InvalidManifestError('not a JSON object', { cause })
  }
}

function parseList(object: JsonObject, field: 'manifests' | 'layers'): readonly unknown[] {
  const list = object[field]
  if (!Array.isArray(list)) throw new InvalidManifestError(`${field} is not a list`)
  if (list.length > MAX_DESCRIPTORS) throw new InvalidManifestError(`more than ${MAX_DESCRIPTORS} ${field}`)
  return list
}

function parseLayer(value: unknown, index: number): Descriptor {
  return parseDescriptor(value, `layers[${index}]`)
}

function parseIndexEntry(value: unknown, index: number): IndexEntry {
  const descriptor = parseDescriptor(value, `manifests[${index}]`)
  const platform = isJsonObject(value) ? readPlatform(value['platform']) : undefined
  return platform === undefined ? descriptor : { ...descriptor, platform }
}

/** @param where what is being parsed, for the error message */
function parseDescriptor(value: unknown, where: string): Descriptor {
  if (!isJsonObject(value)) throw new InvalidManifestError(`${where} is not a descriptor`)
  const { digest, size, mediaType } = value
  if (typeof digest !== 'string' || !isDigest(digest)) throw new InvalidManifestError(`${where} has no valid digest`)
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    throw new InvalidManifestError(`${where} has no valid size`)
  }
  if (typeof mediaType !== 'string' || !isMediaType(mediaType)) {
    throw new InvalidManifestError(`${where} has no valid media type`)
  }
  return { digest, size, mediaType }
}

/** A platform that lacks a name is no platform; the index is good all the same. */
function readPlatform(value: unknown): Platform | undefined {
  if (!isJsonObject(value)) return undefined
  const { os, architecture, variant } = value
  if (typeof os !== 'string' || typeof architecture !== 'string') return undefined
  return typeof variant === 'string' && variant !== '' ? { os, architecture, variant } : { os, architecture }
}
