import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** Stands between a client and a server, and measures how long each request waits. For clients that do not pipeline. */
export class TimingRelay implements AsyncDisposable {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #waits: number[] = []

  private constructor(onward: { readonly host: string; readonly port: number }) {
    this.#server = createServer(client => this.#relay(client, connect(onward)))
  }

  /** Listens on all addresses. */
  static async start(port: number, onward: { readonly host: string; readonly port: number }): Promise<TimingRelay> {
    const relay = new TimingRelay(onward)
    relay.#server.listen(port)
    await once(relay.#server, 'listening')
    return relay
  }

  /** Milliseconds from each request to the first byte of its answer, since the last time. */
  take(): readonly number[] {
    const waits = this.#waits
    this.#waits = []
    return waits
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #relay(client: Socket, server: Socket): void {
    let askedAt: number | undefined
    client.on('data', () => {
      askedAt ??= performance.now()
    })
    server.on('data', () => {
      if (askedAt !== undefined) this.#waits.push(performance.now() - askedAt)
      askedAt = undefined
    })
    client.pipe(server).pipe(client)
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket.setNoDelay())
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        this.#sockets.delete(socket)
        other.destroy()
      })
    }
  }
}
