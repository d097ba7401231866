import path from 'node:path'
import { type Digest, isDigest } from '../../oci/digest.ts'
import { INGEST_DIRECTORY, listInside, type OpenedFile, openInside } from './content-files.ts'
import { readSmallFile } from './small-file.ts'

/** Most staged downloads that are looked through. */
const MAX_INGESTS = 1024
/** Longest `ref` and `total` files that are read. */
const MAX_FIELD_BYTES = 1024

/** Files of a staged download, `ingest/<id>/…`. */
export const INGEST_FILES = { ref: 'ref', total: 'total', data: 'data' } as const

/** What a staged download is of. */
export interface Ingest {
  /** Its directory, relative to the content directory. */
  readonly directory: string
  readonly digest: Digest
  /** Size of the content once complete, in bytes. */
  readonly total: number
}

/** The digest that a `ref` ends in: `sha256:…`, or as containerd writes it `k8s.io/1/layer-sha256:…`. */
export function parseIngestRef(text: string): Digest | undefined {
  const digest = /(?:sha256|sha512):[0-9a-f]+\s*$/.exec(text)?.[0].trimEnd() ?? ''
  return isDigest(digest) ? digest : undefined
}

/** The number of bytes that a `total` holds. */
export function parseIngestTotal(text: string): number | undefined {
  const total = /^[0-9]{1,16}\s*$/.test(text) ? Number(text) : Number.NaN
  return Number.isSafeInteger(total) ? total : undefined
}

/** The `ref` of what is staged in `directory` of the content directory at `root`; empty where there is none (yet). */
export function readIngestRef(root: string, directory: string): string {
  return readSmallFile(path.join(root, directory, INGEST_FILES.ref), MAX_FIELD_BYTES)
}

/** What is staged in `directory` of the content directory at `root`; undefined where that is not (yet) written down in full. */
export function readIngest(root: string, directory: string): Ingest | undefined {
  const digest = parseIngestRef(readIngestRef(root, directory))
  if (digest === undefined) return undefined
  const total = parseIngestTotal(readSmallFile(path.join(root, directory, INGEST_FILES.total), MAX_FIELD_BYTES))
  return total === undefined ? undefined : { directory, digest, total }
}

/**
 * Directories of all downloads staged in the content directory at `root`, relative to it.
 * @throws {ContentFileError} where that is there but can't be read
 */
export async function listIngests(root: string): Promise<readonly string[]> {
  const directories: string[] = []
  for await (const entry of listInside(root, INGEST_DIRECTORY)) {
    if (directories.length === MAX_INGESTS) break
    if (entry.isDirectory()) directories.push(path.join(INGEST_DIRECTORY, entry.name))
  }
  return directories
}

/** The download of `digest` that is staged in the content directory at `root`, and what arrived of it. */
export async function openIngest(
  root: string,
  digest: Digest,
): Promise<{ readonly ingest: Ingest; readonly data: OpenedFile } | undefined> {
  for (const directory of await listIngests(root)) {
    const ingest = readIngest(root, directory)
    if (ingest?.digest !== digest) continue
    const data = await openInside(root, path.join(directory, INGEST_FILES.data))
    if (data !== undefined) return { ingest, data }
  }
  return undefined
}
