import { connect, type Socket } from 'node:net'
import type { PeerRequest } from './peer-client.ts'

/** How long an idle connection is kept: less than any server keeps it, so that few requests meet a closed one. */
const IDLE_TIMEOUT_MS = 60_000

/** Takes what comes on a connection. Nothing of it may throw: nobody could catch it. */
export interface ByteReader {
  /** Where the next bytes go; undefined: they are taken out of where they are at once. */
  readonly into: Buffer | undefined
  /**
   * Takes the next bytes.
   * @returns whether to go on reading at once, instead of after the next {@link PeerConnection.resume}
   */
  take(bytes: Buffer): boolean
  /** Nothing comes any more. */
  closed(cause: Error | undefined): void
}

export interface PeerConnectionOptions {
  /** Receives bytes that have no other place; may be shared by many connections. */
  readonly scratch: Buffer
  readonly onClosed: (connection: PeerConnection) => void
}

/** A TCP connection that carries one request and response after another, and reads into its reader's buffers. */
export class PeerConnection implements Disposable {
  readonly #socket: Socket
  readonly #scratch: Buffer
  #reader: ByteReader | undefined
  #error: Error | undefined

  constructor(endpoint: PeerRequest['endpoint'], options: PeerConnectionOptions) {
    this.#scratch = options.scratch
    this.#socket = connect({
      ...endpoint,
      noDelay: true,
      onread: {
        // Asked for after every call of `callback`; what `into` is by then is where the next bytes go.
        buffer: () => this.#reader?.into ?? this.#scratch,
        callback: (length, { buffer, byteOffset }) => this.#take(Buffer.from(buffer, byteOffset, length)),
      },
    })
    this.#socket.on('error', error => {
      this.#error = error
    })
    this.#socket.on('end', () => this.#socket.destroy())
    this.#socket.on('timeout', () => this.#socket.destroy())
    this.#socket.on('close', () => {
      options.onClosed(this)
      const reader = this.#reader
      this.#reader = undefined
      reader?.closed(this.#error)
    })
  }

  get connecting(): boolean {
    return this.#socket.connecting
  }

  get destroyed(): boolean {
    return this.#socket.destroyed
  }

  /** Sends a request, as latin1; `reader` takes what comes. */
  send(request: string, reader: ByteReader): void {
    this.#reader = reader
    this.#socket.setTimeout(0)
    this.#socket.ref()
    this.#socket.write(request, 'latin1')
  }

  /** Hands what comes from here on to another reader. */
  handOver(reader: ByteReader): void {
    this.#reader = reader
  }

  /** Reads on after a reader wanted no more for a while. */
  resume(): void {
    this.#socket.resume()
  }

  /** Waits, for a limited time and without keeping the process alive, for the next request. */
  idle(): void {
    this.#reader = undefined
    this.#socket.setTimeout(IDLE_TIMEOUT_MS)
    this.#socket.unref()
  }

  [Symbol.dispose](): void {
    this.#socket.destroy()
  }

  #take(bytes: Buffer): boolean {
    if (this.#reader !== undefined) return this.#reader.take(bytes)
    // Nobody asked for anything.
    this.#socket.destroy()
    return false
  }
}
