import { isJsonObject, type JsonObject, parseJsonObject } from './json-object.ts'

export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json'
export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
export const OCI_CONFIG = 'application/vnd.oci.image.config.v1+json'
export const OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar'
export const OCI_LAYER_GZIP = 'application/vnd.oci.image.layer.v1.tar+gzip'
export const DOCKER_INDEX = 'application/vnd.docker.distribution.manifest.list.v2+json'
export const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json'
export const DOCKER_CONFIG = 'application/vnd.docker.container.image.v1+json'
/** What content is called whose kind is unknown or does not matter. */
export const OCTET_STREAM = 'application/octet-stream'

/** Largest manifest or index this mirror reads, buffers or parses. Registries refuse to store larger ones. */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024

/** Most values in a manifest or index that is parsed: far more than any in use has. */
export const MAX_MANIFEST_VALUES = 50_000

const MEDIA_TYPE = /^[\x21-\x7e][\x20-\x7e]{0,254}$/

/** Whether `text` can stand in a header as a media type: printable ASCII, 255 characters at most. */
export function isMediaType(text: string): boolean {
  return MEDIA_TYPE.test(text)
}

/** Whether content of `mediaType` is a list of manifests, one a platform. */
export function isIndexMediaType(mediaType: string): boolean {
  return mediaType === OCI_INDEX || mediaType === DOCKER_INDEX
}

/** Whether content of `mediaType` is asked for as a manifest: an index, or the manifest of one image. */
export function isManifestMediaType(mediaType: string): boolean {
  return mediaType === OCI_MANIFEST || mediaType === DOCKER_MANIFEST || isIndexMediaType(mediaType)
}

/**
 * Media type of content that no index or manifest names: what a manifest says it is, else what it looks like,
 * `application/octet-stream` for all that is no manifest. Content over {@link MAX_MANIFEST_BYTES} or
 * {@link MAX_MANIFEST_VALUES} is not parsed.
 */
export function fingerprintMediaType(content: Uint8Array): string {
  if (content.length > MAX_MANIFEST_BYTES) return OCTET_STREAM
  try {
    return manifestMediaType(parseJsonObject(content, MAX_MANIFEST_VALUES)) ?? OCTET_STREAM
  } catch {
    return OCTET_STREAM
  }
}

/** Media type of a parsed manifest or index; undefined where it is neither. */
export function manifestMediaType(object: JsonObject): string | undefined {
  const { schemaVersion, mediaType, manifests, config, layers } = object
  // A descriptor also has a media type, that of something else; the schema version tells them apart.
  if (schemaVersion === 2 && typeof mediaType === 'string' && isMediaType(mediaType)) return mediaType
  const isIndex = Array.isArray(manifests)
  const isImage = isJsonObject(config) && Array.isArray(layers)
  if (isIndex === isImage) return undefined
  return isIndex ? OCI_INDEX : OCI_MANIFEST
}
