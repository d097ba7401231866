import type { Descriptor } from '../../oci/descriptor.ts'
import { SizeMismatchError } from '../../store/oci-layout/errors.ts'
import type { LayoutWriter } from '../../store/oci-layout/layout-writer.ts'
import type { StagedDownload } from '../../store/oci-layout/staged-download.ts'
import type { ContentSource } from './content-source.ts'
import { BrokenOffError, HostError } from './errors.ts'
import type { PullProgress } from './progress.ts'

/** How often a body may break off without a byte of progress; as in containerd. */
const MAX_TRIES_WITHOUT_PROGRESS = 3

export interface DownloadComponents {
  readonly content: Descriptor
  readonly writer: LayoutWriter
  readonly source: ContentSource
}

export interface DownloadOptions {
  readonly progress: PullProgress
  /** Told of bytes as they arrive, and who they come from. */
  readonly onBytes: (source: string, bytes: number) => void
  readonly signal: AbortSignal
}

/** Fetches content into a layout, and resumes it where it breaks off. Errors are those of a pull. */
export async function download(components: DownloadComponents, options: DownloadOptions): Promise<void> {
  const { content, writer } = components
  await using staged = await writer.begin(content, options)
  options.progress.started(content, staged.offset)
  let tries = 0
  while (staged.offset < content.size) {
    const { offset } = staged
    try {
      await receive(components, staged, options)
    } catch (error) {
      options.signal.throwIfAborted()
      if (!(error instanceof HostError)) throw error
      tries = staged.offset > offset ? 0 : tries + 1
      if (tries === MAX_TRIES_WITHOUT_PROGRESS) throw new BrokenOffError(content.digest, tries, { cause: error })
    }
  }
  await staged.commit()
  options.progress.finished(content.digest)
}

/** Appends what one response brings. */
async function receive(
  { content, source }: DownloadComponents,
  staged: StagedDownload,
  { progress, onBytes, signal }: DownloadOptions,
): Promise<void> {
  await using opened = await source.open(content, { offset: staged.offset, signal })
  for await (const chunk of opened.chunks()) {
    try {
      await staged.append(chunk)
    } catch (error) {
      // Whatever is staged, it is not the beginning of what was asked for.
      if (error instanceof SizeMismatchError) await staged.abort()
      throw error
    }
    onBytes(opened.source, chunk.length)
    progress.advanced(content.digest, chunk.length, opened.source)
  }
  if (staged.offset < content.size) throw new HostError(opened.source, 'body ended early')
}
