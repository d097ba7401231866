import { setTimeout as sleep } from 'node:timers/promises'
import type { AskedContent } from '../coalesce/asked-content.ts'
import { tail } from '../coalesce/tail.ts'
import { sendBlob } from '../http/body.ts'
import type { BufferPool } from '../http/buffer-pool.ts'
import type { Exchange } from '../http/exchange.ts'
import { parseRange } from '../http/range.ts'
import { contentHeaders } from '../mirror/content-headers.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import { fingerprintMediaType, MAX_MANIFEST_BYTES, OCTET_STREAM } from '../oci/media-type.ts'
import { ContentNotFoundError } from '../store/errors.ts'
import { readFully } from '../store/read-fully.ts'
import type { CallOptions, GrowingBlob, Growth, InProgress } from '../store/store.ts'
import { rangeNotSatisfiable } from './range-error.ts'

/** How far behind a child this node may be: it catches up before the child loses patience. */
const MAX_LAG_BYTES = 32 * 1024 * 1024
/** How long a manifest that is being fetched is waited for; the child's patience ends by then. */
const MANIFEST_WAIT_MS = 2000
/**
 * How often, and how many times, content that a client is fetching is looked for again: on its way from download to store
 * it is for a moment in neither, and containerd knows of it only after its file is in place.
 */
const LOOK_INTERVAL_MS = 20
const MAX_LOOKS = 25

/** Content that this node is still fetching, and whether it may be shared. */
export interface InProgressContent {
  readonly inProgress: InProgress
  readonly asked: AskedContent
}

/** A peer's request for it. */
export interface InProgressRequest {
  readonly digest: Digest
  readonly registry: string
  readonly buffers: BufferPool
  /** Told of bytes as they are sent. */
  readonly onBytes: (bytes: number) => void
}

export interface FindSharedOptions extends CallOptions {
  readonly digest: Digest
  /** Answers from the store instead, if that has the content by now. */
  readonly tryStore: () => Promise<boolean>
}

/**
 * The download of `digest`, if it may be shared: one that a local client asked for under a name that no filter excludes.
 * Undefined where the content was in the store after all, and the request is answered. The caller closes what is found.
 * @throws {ContentNotFoundError} where there is neither
 */
export async function findShared(
  { inProgress, asked }: InProgressContent,
  { digest, signal, tryStore }: FindSharedOptions,
): Promise<GrowingBlob | undefined> {
  for (let looks = 1; asked.has(digest); looks += 1) {
    const evenStalled = asked.isExpected(digest)
    const growing = await inProgress.find(digest, { signal, evenStalled })
    if (growing !== undefined) return growing
    if (await tryStore()) return undefined
    if (!evenStalled || looks === MAX_LOOKS) break
    await sleep(LOOK_INTERVAL_MS, undefined, { signal }).catch(() => signal.throwIfAborted())
  }
  throw new ContentNotFoundError(digest)
}

/**
 * Sends a blob while it is written, with the length it will have.
 * @throws {DistributionError} 416 where this node has much less than is asked for
 */
export async function sendGrowing(
  exchange: Exchange,
  growing: GrowingBlob,
  { digest, registry, buffers, onBytes }: InProgressRequest,
): Promise<void> {
  const { size } = growing
  const range = parseRange(exchange.request.headers.range, size)
  const start = range.kind === 'range' ? range.start : 0
  const end = range.kind === 'range' ? range.end : size - 1
  if (range.kind === 'unsatisfiable' || (await lags(growing, start))) throw rangeNotSatisfiable(size)
  await sendBlob(exchange, {
    status: range.kind === 'range' ? 206 : 200,
    headers: contentHeaders({
      digest,
      mediaType: OCTET_STREAM,
      length: end - start + 1,
      registry,
      acceptRanges: 'bytes',
      source: undefined,
      part: range.kind === 'range' ? { start, end: end + 1, total: size } : undefined,
    }),
    blob: tail(growing, { signal: exchange.signal }),
    start,
    end,
    buffers,
    // Whoever asks need not guess for how long there may be no first byte: how long a body may stall, it knows.
    headFirst: true,
    onBytes,
  })
}

/**
 * Waits until `growing` is complete and right, as its commit says, and describes it: a manifest is served only then.
 * @throws {ContentNotFoundError} where that takes too long, or it is given up
 */
export async function describeCommitted(
  growing: GrowingBlob,
  digest: Digest,
  { signal }: Exchange,
): Promise<Descriptor> {
  const { size } = growing
  const limited = AbortSignal.any([signal, AbortSignal.timeout(MANIFEST_WAIT_MS)])
  let growth: Growth | undefined
  try {
    do growth = await growing.waitPast(size, { signal: limited })
    while (growth === 'stalled')
  } catch (cause) {
    signal.throwIfAborted()
    throw new ContentNotFoundError(digest, { cause })
  }
  if (growth !== 'committed' || size > MAX_MANIFEST_BYTES) throw new ContentNotFoundError(digest)
  const content = Buffer.alloc(size)
  await readFully(growing, content)
  return { digest, size, mediaType: fingerprintMediaType(content) }
}

async function lags(growing: GrowingBlob, position: number): Promise<boolean> {
  const needed = position - MAX_LAG_BYTES
  return needed > 0 && (await growing.read(Buffer.alloc(1), needed - 1)) === 0
}
