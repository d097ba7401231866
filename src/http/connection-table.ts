import type { Socket } from 'node:net'

/**
 * The open connections of a server, at most `maxConnections`. A connection is *busy* while a request on it is being
 * answered and *waiting* otherwise: before its first complete request, and idle between two.
 */
export class ConnectionTable {
  readonly #maxConnections: number
  /** Longest waiting first. */
  readonly #waiting = new Set<Socket>()
  readonly #busy = new Set<Socket>()

  constructor({ maxConnections }: { readonly maxConnections: number }) {
    this.#maxConnections = maxConnections
  }

  /**
   * Takes in a new connection. Over the limit the connection that has waited longest is destroyed to make room, so that
   * clients that connect and send nothing can't keep others out. Where all are busy the new one is destroyed.
   */
  admit(socket: Socket): void {
    if (this.#waiting.size + this.#busy.size >= this.#maxConnections) {
      const [oldest = socket] = this.#waiting
      this.#waiting.delete(oldest)
      oldest.destroy()
      if (oldest === socket) return
    }
    this.#waiting.add(socket)
    socket.once('close', () => {
      this.#waiting.delete(socket)
      this.#busy.delete(socket)
    })
  }

  /** A request on `socket` is now being answered. */
  markBusy(socket: Socket): void {
    if (this.#waiting.delete(socket)) this.#busy.add(socket)
  }

  /** No request on `socket` is being answered any more. */
  markWaiting(socket: Socket): void {
    if (this.#busy.delete(socket)) this.#waiting.add(socket)
  }

  isWaiting(socket: Socket): boolean {
    return this.#waiting.has(socket)
  }

  waiting(): readonly Socket[] {
    return [...this.#waiting]
  }
}
