import type { Descriptor } from '../../oci/descriptor.ts'
import { isDigest } from '../../oci/digest.ts'
import { isJsonObject, type JsonObject, parseJsonObject } from '../../oci/json-object.ts'
import { isMediaType } from '../../oci/media-type.ts'
import { parseReference } from '../../oci/reference.ts'
import type { RootImage } from '../excluded-images.ts'
import { LayoutError } from './errors.ts'

/** Lists the images of a layout. */
export const INDEX_FILE = 'index.json'
/** Largest `index.json` that is read. */
export const MAX_INDEX_BYTES = 4 * 1024 * 1024
/** Most entries that an `index.json` may have. */
export const MAX_INDEX_ENTRIES = 10_000

/** Holds a full image name; containerd writes and reads it. */
export const IMAGE_NAME_ANNOTATION = 'io.containerd.image.name'
/** Holds a tag, or a full image name, depending on who wrote it. */
export const REF_NAME_ANNOTATION = 'org.opencontainers.image.ref.name'

/** An image that a layout lists. */
export interface LayoutImage extends RootImage {
  readonly descriptor: Descriptor
}

/**
 * Parses the top of an `index.json`: its fields, and its entries as they are.
 * @param path of the file, for errors
 * @throws {LayoutError} where it is no index, or one too large
 * @see https://github.com/opencontainers/image-spec/blob/main/image-layout.md#indexjson-file
 */
export function parseIndexFields(
  content: Uint8Array,
  path: string,
): { readonly fields: JsonObject; readonly entries: readonly unknown[] } {
  let fields
  try {
    fields = parseJsonObject(content)
  } catch (cause) {
    throw new LayoutError(path, 'is not a JSON object', { cause })
  }
  const entries = fields['manifests'] ?? []
  if (!Array.isArray(entries)) throw new LayoutError(path, '"manifests" is not a list')
  if (entries.length > MAX_INDEX_ENTRIES) throw new LayoutError(path, `more than ${MAX_INDEX_ENTRIES} entries`)
  return { fields, entries }
}

/** The images an `index.json` lists, in order; entries that are no descriptors are left out. Errors as for its top. */
export function parseLayoutIndex(content: Uint8Array, path: string): readonly LayoutImage[] {
  return parseIndexFields(content, path).entries.flatMap(entry => parseEntry(entry) ?? [])
}

/** The annotations of an entry that may hold its image name, best first. */
export function imageNames(entry: unknown): readonly string[] {
  const annotations = isJsonObject(entry) ? entry['annotations'] : undefined
  if (!isJsonObject(annotations)) return []
  const names = [annotations[IMAGE_NAME_ANNOTATION], annotations[REF_NAME_ANNOTATION]]
  return names.filter(name => typeof name === 'string')
}

function parseEntry(entry: unknown): LayoutImage | undefined {
  if (!isJsonObject(entry)) return undefined
  const { digest, size, mediaType } = entry
  if (typeof digest !== 'string' || !isDigest(digest)) return undefined
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) return undefined
  if (typeof mediaType !== 'string' || !isMediaType(mediaType)) return undefined
  const descriptor = { digest, size, mediaType }
  for (const name of imageNames(entry)) {
    try {
      return { digest, descriptor, reference: parseReference(name) }
    } catch {
      // A bare tag, as most tools write it: it tells no registry, so it names nothing here.
    }
  }
  return { digest, descriptor }
}
