import type { ServerResponse } from 'node:http'
import { finished } from 'node:stream/promises'
import { BodyWriter } from './body-writer.ts'
import type { BufferPool } from './buffer-pool.ts'
import { BodyBrokenError, ClientGoneError } from './errors.ts'
import type { Exchange } from './exchange.ts'
import { type ResponseHead, writeHead } from './response-head.ts'

/** Writes of one body that the kernel has not taken yet: one drains while the next is read. */
const MAX_WRITES_IN_FLIGHT = 2

/** A response whose body is at hand. */
export interface BytesResponse extends ResponseHead {
  /** Text is sent as UTF-8. */
  readonly body: Uint8Array | string
}

/** Content that can be read at any position; the blobs of a store are such. */
export interface PositionalReader {
  /** Reads up to `into.length` bytes from `position`; returns how many were read, 0 only at or past the end. */
  read(into: Buffer, position: number): Promise<number>
}

/** A response whose body is a part of a blob. */
export interface BlobResponse extends ResponseHead {
  readonly blob: PositionalReader
  /** Position of the first byte to send. */
  readonly start: number
  /** Position of the last byte to send; `start - 1` for an empty body. */
  readonly end: number
  readonly buffers: BufferPool
  /** Sends the head before anything is read: the blob may keep its reader waiting. Default: with the first bytes. */
  readonly headFirst?: boolean
  /** Told of bytes of the body as they are written. */
  readonly onBytes?: (bytes: number) => void
}

/** A body that is pulled; those of the peer client are such. */
export interface PulledBody {
  /** The next bytes, undefined at the end. A chunk is valid until the next call of it or of {@link destroy}. */
  read(): Promise<Buffer | undefined>
  /**
   * Keeps the last chunk valid until the returned function is called, once, whatever becomes of the body. Without it, chunks
   * are the garbage collector's.
   */
  hold?(): (() => void) | undefined
  /** Gives the body up; a pending `read` rejects. Harmless after the end. */
  destroy(): void
}

/** A response whose body comes from elsewhere. Its `headers` say the Content-Length, where it is known. */
export interface BodyResponse extends ResponseHead {
  readonly body: PulledBody
  /** Sends the head before anything is read: the body may keep its reader waiting. Default: with the first bytes. */
  readonly headFirst?: boolean
}

/**
 * Sends a small, complete response. Sets Content-Length. HEAD gets the head alone.
 * @returns body bytes sent
 * @throws {ClientGoneError} where the client hung up first
 */
export async function sendBytes(exchange: Exchange, { body, ...head }: BytesResponse): Promise<number> {
  const { request, response } = exchange
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  const isHead = request.method === 'HEAD'
  writeHead(response, head, bytes.length)
  try {
    response.end(isHead ? undefined : bytes)
    await finished(response, { cleanup: true })
  } catch (cause) {
    throw new ClientGoneError({ cause })
  }
  return isHead ? 0 : bytes.length
}

/**
 * Sends the bytes `start` to `end` of a blob. Sets Content-Length. HEAD gets the head alone. A blob that fails before
 * its first byte throws its own error and leaves the exchange unanswered, unless the head goes first.
 * @returns body bytes sent
 * @throws {ClientGoneError} where the client hung up first
 * @throws {BodyBrokenError} where the blob failed, or was too short, after the head was sent: the connection is ended
 */
export async function sendBlob(exchange: Exchange, response: BlobResponse): Promise<number> {
  const { blob, start, end, buffers, headFirst = false, onBytes } = response
  using writer = new BodyWriter(exchange, { head: response, contentLength: end - start + 1 })
  let position = exchange.request.method === 'HEAD' ? end + 1 : start
  try {
    if (headFirst) writer.begin()
    while (position <= end) {
      const wanted = end - position + 1
      const buffer = buffers.acquire(wanted)
      let read = 0
      try {
        read = await blob.read(buffer.subarray(0, wanted), position)
        if (read === 0) throw new Error(`the blob ends at ${position}, before ${end}`)
      } finally {
        if (read === 0) buffers.release(buffer)
      }
      writer.write(buffer.subarray(0, read), () => buffers.release(buffer))
      onBytes?.(read)
      position += read
      await writer.drainTo(buffers.pressed ? 0 : MAX_WRITES_IN_FLIGHT - 1)
    }
    await writer.finish()
    return writer.sentBytes
  } catch (error) {
    throw breakOff(exchange, { sentBytes: writer.sentBytes, error })
  }
}

/**
 * Relays a body, reading on only once the client has taken what came before. HEAD gets the head alone. The body is
 * destroyed when anything fails, at once when the client hangs up. One that fails before its head is sent throws its own
 * error and leaves the exchange unanswered.
 * @returns body bytes sent
 * @throws {ClientGoneError} where the client hung up first
 * @throws {BodyBrokenError} where the body failed, or had not the length that the head said: the connection is ended
 */
export async function sendBody(
  exchange: Exchange,
  { body, headFirst = false, ...head }: BodyResponse,
): Promise<number> {
  const { request, signal } = exchange
  const destroy = () => body.destroy()
  using writer = new BodyWriter(exchange, { head })
  signal.addEventListener('abort', destroy)
  try {
    signal.throwIfAborted()
    if (headFirst) writer.begin()
    while (request.method !== 'HEAD') {
      const chunk = await body.read()
      if (chunk === undefined) break
      // One that is given up while the socket still writes from it must not be overwritten by another transfer.
      writer.write(chunk, body.hold?.())
      await writer.drainTo(0)
    }
    await writer.finish()
    return writer.sentBytes
  } catch (error) {
    throw breakOff(exchange, { sentBytes: writer.sentBytes, error })
  } finally {
    signal.removeEventListener('abort', destroy)
    body.destroy()
  }
}

/**
 * Ends a response that can't be completed: what is written goes out, then FIN. The client sees that the body is short,
 * and containerd asks for the rest elsewhere.
 */
export function endShort(response: ServerResponse): void {
  if (response.headersSent) response.flushHeaders()
  response.socket?.destroySoon()
}

/** What `error` means for the client, told to it where it is the client's to know. */
function breakOff(exchange: Exchange, failure: { readonly sentBytes: number; readonly error: unknown }): unknown {
  const { response, signal } = exchange
  if (signal.aborted) return signal.reason
  if (failure.error instanceof ClientGoneError || !response.headersSent) return failure.error
  endShort(response)
  return new BodyBrokenError(failure.sentBytes, { cause: failure.error })
}
