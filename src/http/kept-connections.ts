import { formatHostPort } from './host-port.ts'
import type { PeerRequest } from './peer-client.ts'
import { PeerConnection } from './peer-connection.ts'

/** Idle connections kept to one peer. */
const MAX_KEPT_PER_PEER = 8

/** Idle connections kept to all peers together. */
const MAX_KEPT = 256

/** Bytes that come outside of a body are read into a buffer of this size: a head, and a small body with it. */
const SCRATCH_BYTES = 16 * 1024

/** The connections of a client: opened, kept while idle, and closed with it. */
export class KeptConnections implements Disposable {
  /** Shared by all: what is read into it is taken out before anything else is read. */
  readonly #scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES)
  readonly #open = new Map<PeerConnection, string>()
  /** The one that was used last is at the end. */
  readonly #idle = new Map<string, PeerConnection[]>()
  #idleCount = 0
  #closed = false

  /** Open connections, idle ones included. */
  get count(): number {
    return this.#open.size
  }

  connect(endpoint: PeerRequest['endpoint']): PeerConnection {
    const onClosed = (connection: PeerConnection): void => this.#forget(connection)
    const connection = new PeerConnection(endpoint, { scratch: this.#scratch, onClosed })
    this.#open.set(connection, formatHostPort(endpoint))
    return connection
  }

  /** An idle connection to `endpoint`, if there is one. */
  take(endpoint: PeerRequest['endpoint']): PeerConnection | undefined {
    const peer = formatHostPort(endpoint)
    const idle = this.#idle.get(peer) ?? []
    for (let connection = idle.pop(); connection !== undefined; connection = idle.pop()) {
      this.#idleCount -= 1
      if (idle.length === 0) this.#idle.delete(peer)
      if (!connection.destroyed) return connection
    }
    return undefined
  }

  /** Keeps a connection that is in use no more for the next request, or closes it. */
  keep(connection: PeerConnection): void {
    const peer = this.#open.get(connection)
    if (peer === undefined || connection.destroyed) return
    connection.idle()
    const idle = this.#idle.get(peer) ?? []
    if (this.#closed || idle.length >= MAX_KEPT_PER_PEER || this.#idleCount >= MAX_KEPT) {
      connection[Symbol.dispose]()
      return
    }
    this.#idle.set(peer, idle)
    idle.push(connection)
    this.#idleCount += 1
  }

  [Symbol.dispose](): void {
    this.#closed = true
    for (const connection of this.#open.keys()) connection[Symbol.dispose]()
  }

  #forget(connection: PeerConnection): void {
    const peer = this.#open.get(connection) ?? ''
    this.#open.delete(connection)
    const idle = this.#idle.get(peer)
    const index = idle?.indexOf(connection) ?? -1
    if (idle === undefined || index < 0) return
    idle.splice(index, 1)
    this.#idleCount -= 1
    if (idle.length === 0) this.#idle.delete(peer)
  }
}
