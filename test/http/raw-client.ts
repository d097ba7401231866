import { connect, type Socket } from 'node:net'

/** How the server ended a connection, as the kernel tells it. */
export type Ending = 'fin' | 'reset'

/** A TCP client that sends what it is told and shows what came back and how the connection ended. */
export class RawClient implements Disposable {
  readonly socket: Socket
  /** Settles when the server ends the connection. The client's side stays open until it is disposed of. */
  readonly ending: Promise<Ending>
  readonly #chunks: Buffer[] = []

  private constructor(socket: Socket) {
    this.socket = socket
    this.ending = new Promise(resolve => {
      socket.once('end', () => resolve('fin'))
      socket.on('error', () => resolve('reset'))
    })
    socket.on('data', chunk => {
      this.#chunks.push(chunk)
    })
  }

  static async connect(address: { readonly host: string; readonly port: number }): Promise<RawClient> {
    const socket = connect({ ...address, allowHalfOpen: true })
    await new Promise((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return new RawClient(socket)
  }

  get received(): Buffer {
    return Buffer.concat(this.#chunks)
  }

  send(...parts: readonly (string | Uint8Array)[]): void {
    for (const part of parts) this.socket.write(part)
  }

  /** Waits until what was received contains `text`, and returns it all. */
  async receive(text: string): Promise<string> {
    while (!this.received.includes(text)) {
      if (this.socket.readableEnded || this.socket.destroyed) {
        throw new Error(
          `connection ended before ${JSON.stringify(text)} in ${JSON.stringify(this.received.toString())}`,
        )
      }
      await new Promise<void>(resolve => {
        const wake = (): void => {
          for (const event of ['data', 'end', 'close'] as const) this.socket.off(event, wake)
          resolve()
        }
        for (const event of ['data', 'end', 'close'] as const) this.socket.on(event, wake)
      })
    }
    return this.received.toString('latin1')
  }

  [Symbol.dispose](): void {
    this.socket.destroy()
  }
}

/** A request head without a body. */
export function get(target: string, headers: Readonly<Record<string, string>> = {}): string {
  const lines = Object.entries({ host: 'node', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`)
  return `GET ${target} HTTP/1.1\r\n${lines.join('')}\r\n`
}
