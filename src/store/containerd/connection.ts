import type { DescService } from '@bufbuild/protobuf'
import { type Client, createClient, type CallOptions as RpcOptions, type Transport } from '@connectrpc/connect'
import { createGrpcTransport } from '@connectrpc/connect-node'
import { ChangeSignal } from '../content-directory/change-signal.ts'
import type { CallOptions } from '../store.ts'
import { type CallInfo, translateCallError } from './call-error.ts'
import { ScopeSignal } from './scope-signal.ts'
import { SocketSessions } from './socket-sessions.ts'

/** Stands for the socket where HTTP/2 wants an authority. */
const BASE_URL = 'http://containerd'
/** Names the namespace of a request. */
const NAMESPACE_HEADER = 'containerd-namespace'
/** Largest message that is read; containerd's own limit for what it sends. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024

export interface ConnectionOptions {
  /** Path of containerd's socket. */
  readonly socket: string
  readonly namespace: string
}

/** What a call is, and how long it may take. */
export type Call = Omit<CallInfo, 'socket'> & CallOptions

/** A call with one answer. */
export type UnaryCall = Call & { readonly timeoutMs: number }

/**
 * gRPC over a unix socket, in one namespace. The connection is made by the first call and made anew by the first one after
 * it broke; calls meanwhile fail at once. Nothing but plain errors leaves here.
 */
export class ContainerdConnection implements Disposable {
  readonly socket: string
  /** Tells when a connection ended. */
  readonly ended = new ChangeSignal()
  readonly #sessions: SocketSessions
  readonly #transport: Transport

  constructor({ socket, namespace }: ConnectionOptions) {
    this.socket = socket
    this.#sessions = new SocketSessions({ socket, authority: BASE_URL, onEnd: () => this.ended.tell() })
    this.#transport = createGrpcTransport({
      baseUrl: BASE_URL,
      sessionManager: this.#sessions,
      readMaxBytes: MAX_MESSAGE_BYTES,
      // What our definitions leave out is dropped, not kept for later.
      binaryOptions: { readUnknownFields: false },
      interceptors: [
        next => request => {
          request.header.set(NAMESPACE_HEADER, namespace)
          return next(request)
        },
      ],
    })
  }

  client<Service extends DescService>(service: Service): Client<Service> {
    return createClient(service, this.#transport)
  }

  /**
   * Makes a call with one answer; its errors are those of {@link translateCallError}, or the reason of `signal`.
   * The client library lets go of a signal that it was given only once that aborts, hence one for each call.
   */
  async ask<T>({ signal, timeoutMs, ...info }: UnaryCall, send: (options: RpcOptions) => Promise<T>): Promise<T> {
    signal.throwIfAborted()
    using answered = new ScopeSignal(signal)
    try {
      return await send({ signal: answered.signal, timeoutMs })
    } catch (error) {
      signal.throwIfAborted()
      throw translateCallError(error, { ...info, socket: this.socket })
    }
  }

  /**
   * Makes a call with a stream of answers, which ends with the iteration: the client library would leave it open. Errors as
   * for {@link ask}.
   */
  async *stream<T>({ signal, ...info }: Call, send: (options: RpcOptions) => AsyncIterable<T>): AsyncGenerator<T> {
    signal.throwIfAborted()
    using left = new ScopeSignal(signal)
    try {
      yield* send({ signal: left.signal })
    } catch (error) {
      signal.throwIfAborted()
      throw translateCallError(error, { ...info, socket: this.socket })
    }
  }

  [Symbol.dispose](): void {
    this.#sessions.abort()
  }
}
