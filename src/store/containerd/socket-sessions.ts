import http2, {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type ClientSessionRequestOptions,
  type OutgoingHttpHeaders,
} from 'node:http2'
import net from 'node:net'
import { Code, ConnectError } from '@connectrpc/connect'

export interface SocketSessionsOptions {
  /** Path of a unix socket. */
  readonly socket: string
  /** Stands for the socket in URLs. */
  readonly authority: string
  /** Told when a connection ended. */
  readonly onEnd: () => void
}

/**
 * One HTTP/2 session at a time on a unix socket, made by the first request and anew by the first one after it ended. The
 * client library's own manager leaves a session without a listener for errors once it gave up on it, and a peer that speaks
 * another protocol then ends the process; and its pings are for networks, which can lose a peer without a word.
 */
export class SocketSessions {
  readonly authority: string
  readonly #options: SocketSessionsOptions
  #current: { readonly session: ClientHttp2Session; readonly connected: Promise<void> } | undefined

  constructor(options: SocketSessionsOptions) {
    this.authority = options.authority
    this.#options = options
  }

  /** Begins a request. The name and the parameters are those that the client library calls. */
  // oxlint-disable-next-line max-params
  async request(
    method: string,
    path: string,
    headers: OutgoingHttpHeaders,
    options: Omit<ClientSessionRequestOptions, 'signal'>,
  ): Promise<ClientHttp2Stream> {
    this.#current ??= this.#open()
    const { session, connected } = this.#current
    await connected
    if (session.closed || session.destroyed) throw ended()
    return session.request({ ...headers, ':method': method, ':path': path }, options)
  }

  /** Part of what the client library calls; there are no pings that it could spare. */
  notifyResponseByteRead(): void {}

  /** Ends the session and all requests. */
  abort(): void {
    this.#current?.session.destroy()
  }

  #open(): { readonly session: ClientHttp2Session; readonly connected: Promise<void> } {
    const { promise: connected, resolve, reject } = Promise.withResolvers<void>()
    const { socket, onEnd } = this.#options
    const session = http2.connect(this.authority, { createConnection: () => net.connect(socket) })
    const forget = (): void => {
      if (this.#current?.session === session) this.#current = undefined
    }
    session.once('connect', () => resolve())
    session.on('error', error => {
      forget()
      reject(error)
    })
    // What is under way is finished, and nothing new is begun.
    session.once('goaway', () => {
      forget()
      session.close()
    })
    session.once('close', () => {
      forget()
      reject(ended())
      onEnd()
    })
    // Whoever waits is told; there may be nobody.
    connected.catch(() => {})
    return { session, connected }
  }
}

function ended(): ConnectError {
  return new ConnectError('it was ended', Code.Unavailable)
}
