import type { Descriptor } from '../../oci/descriptor.ts'
import type { Digest } from '../../oci/digest.ts'
import { InvalidManifestError } from '../../oci/errors.ts'
import { type ImageManifest, type Manifest, parseManifest } from '../../oci/manifest.ts'
import { MAX_MANIFEST_BYTES } from '../../oci/media-type.ts'
import { selectPlatform } from '../../oci/platform.ts'
import { formatReference } from '../../oci/reference.ts'
import { LayoutError } from '../../store/oci-layout/errors.ts'
import { LayoutWriter } from '../../store/oci-layout/layout-writer.ts'
import { ContentSource } from './content-source.ts'
import { download } from './download.ts'
import { PlatformUnavailableError } from './errors.ts'
import type { PullFlags } from './flags.ts'
import { forEachAtMost } from './for-each-at-most.ts'
import type { PullProgress } from './progress.ts'
import { hostsFor } from './registry-host.ts'

/** How many layers are fetched at once; as many as containerd does for Kubernetes. */
const MAX_PARALLEL_DOWNLOADS = 3
/** Deepest nesting of indexes that is followed. */
const MAX_INDEX_DEPTH = 4

export interface PullOptions extends PullFlags {
  readonly progress: PullProgress
}

/** What a pull came to. */
export interface PullResult {
  readonly reference: string
  /** Of the manifest or index that the reference points at. */
  readonly digest: Digest
  /** Bytes of content that were transferred; what was there already is not counted. */
  readonly bytes: number
  readonly seconds: number
  /**
   * The same bytes by where they came from: `upstream`, or what the mirror says of its own source (`store`, or a peer's
   * `host:port`), or else the mirror itself. A body that the mirror itself resumes from another peer counts for the first.
   */
  readonly from: Readonly<Record<string, number>>
}

/**
 * Pulls an image into an image layout the way containerd pulls: the mirror is asked first, upstream for whatever it does not
 * deliver; what breaks off is resumed; every digest is verified. The image gets its name once all of it is there. A pull
 * that fails names nothing; what is verified, and what is staged of the rest, stays and is not fetched again.
 * @throws {UnavailableError} no host has what is needed
 * @throws {BrokenOffError} a download does not get further
 * @throws {DigestMismatchError} a host sent something else; it is dropped
 * @throws {SizeMismatchError} a host sent too much; it is dropped
 * @throws {PlatformUnavailableError} there is no image for the platform
 * @throws {InvalidManifestError} what the reference points at can't be read
 * @throws {LayoutError} the directory can't be used
 */
export async function pullImage(options: PullOptions, { signal }: { signal: AbortSignal }): Promise<PullResult> {
  const startedMs = performance.now()
  const { reference, progress } = options
  const writer = await LayoutWriter.open(options.into)
  const source = new ContentSource(hostsFor(options), reference)
  const from = new Map<string, number>()
  const onBytes = (label: string, bytes: number): void => {
    from.set(label, (from.get(label) ?? 0) + bytes)
  }
  const fetch = (content: Descriptor, signal: AbortSignal): Promise<void> =>
    download({ content, writer, source }, { progress, onBytes, signal })

  const readManifest = async (content: Descriptor): Promise<Manifest> => {
    if (content.size > MAX_MANIFEST_BYTES) throw new InvalidManifestError(`${content.digest} has ${content.size} bytes`)
    const held = await writer.readManifest(content.digest)
    if (held !== undefined) return parseManifest(held)
    await fetch(content, signal)
    const fetched = await writer.readManifest(content.digest)
    if (fetched === undefined) throw new LayoutError(options.into, `${content.digest} vanished`)
    return parseManifest(fetched)
  }

  const readImage = async (content: Descriptor, depth = 0): Promise<ImageManifest> => {
    const manifest = await readManifest(content)
    if (manifest.kind === 'image') return manifest
    if (depth === MAX_INDEX_DEPTH) throw new InvalidManifestError(`more than ${MAX_INDEX_DEPTH} nested indexes`)
    const chosen = selectPlatform(manifest.manifests, options.platform)
    if (chosen === undefined) throw new PlatformUnavailableError(formatReference(reference), options.platform)
    return await readImage(chosen, depth + 1)
  }

  const root = await source.resolve({ signal })
  const { config, layers } = await readImage(root)
  const content = new Map([config, ...layers].map(descriptor => [descriptor.digest, descriptor]))
  await forEachAtMost(MAX_PARALLEL_DOWNLOADS, content.values(), {
    signal,
    work: async (descriptor, signal) => {
      if (!(await writer.has(descriptor))) await fetch(descriptor, signal)
    },
  })
  await writer.name(reference, root, { signal })
  return {
    reference: formatReference(reference),
    digest: root.digest,
    bytes: [...from.values()].reduce((sum, bytes) => sum + bytes, 0),
    seconds: (performance.now() - startedMs) / 1000,
    from: Object.fromEntries(from),
  }
}
