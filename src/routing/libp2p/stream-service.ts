import type { Connection, Stream, StreamMessageEvent } from '@libp2p/interface'
import type { Log } from '../../observability/log.ts'
import { TooManyMessagesError } from './errors.ts'
import { FrameReader } from './frame-reader.ts'
import type { PeerLimits } from './peer-limits.ts'

/** Answers waiting for a peer to read them; beyond it the stream is reset. */
const MAX_UNSENT_BYTES = 4 * 1024 * 1024
/** A stream that brings nothing for so long is closed; peers open another when they need it. */
const IDLE_TIMEOUT_MS = 60_000

export interface StreamServiceComponents {
  readonly log: Log
  readonly limits: PeerLimits
}

/** A peer that sends requests, as its connection proves it. */
export interface Requester {
  /** Peer id in text form. */
  readonly id: string
  /** Peer id as multihash bytes. */
  readonly idBytes: Uint8Array
}

/** What differs from protocol to protocol. */
export interface FrameHandler {
  readonly maxRequestBytes: number
  /**
   * The framed answer to one request, if one is due.
   * @throws {InvalidKadMessageError} for a request that ends the stream
   * @throws {TooManyMessagesError} for one that ends the connection
   */
  answer(request: Uint8Array, from: Requester): Uint8Array | undefined
}

/** Serves one inbound stream of framed requests until it ends. Whatever the peer sends costs bounded memory and work. */
export function serveStream(
  { log, limits }: StreamServiceComponents,
  handler: FrameHandler,
  { stream, connection }: { readonly stream: Stream; readonly connection: Connection },
): void {
  const from = { id: connection.remotePeer.toString(), idBytes: connection.remotePeer.toMultihash().bytes }
  const reader = new FrameReader({ maxFrameBytes: handler.maxRequestBytes })
  const idle = setTimeout(() => stream.abort(new Error('idle')), IDLE_TIMEOUT_MS).unref()
  stream.maxWriteBufferLength = MAX_UNSENT_BYTES

  const receive = ({ data }: StreamMessageEvent): void => {
    idle.refresh()
    for (const request of reader.read(data instanceof Uint8Array ? data : data.subarray())) {
      if (!limits.take(from.id, 'messages')) throw new TooManyMessagesError(from.id)
      const answer = handler.answer(request, from)
      if (answer !== undefined && !stream.send(answer)) pauseUntilDrained(stream)
    }
  }
  stream.addEventListener('message', event => {
    try {
      receive(event)
    } catch (error) {
      const cause = error instanceof Error ? error : new Error(String(error))
      if (cause instanceof TooManyMessagesError) {
        log.warn('peer is cut off', { peer: from.id, error })
        connection.abort(cause)
      } else {
        log.debug('stream refused', { peer: from.id, protocol: stream.protocol, error })
        stream.abort(cause)
      }
    }
  })
  stream.addEventListener('remoteCloseWrite', () => {
    stream.close().catch((error: Error) => stream.abort(error))
  })
  stream.addEventListener('close', () => clearTimeout(idle))
}

/** Takes no more requests from a peer that does not read its answers. */
function pauseUntilDrained(stream: Stream): void {
  if (stream.readStatus === 'paused') return
  stream.pause()
  stream.onDrain().then(
    () => stream.resume(),
    () => {},
  )
}
