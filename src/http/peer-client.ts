import type { IncomingHttpHeaders } from 'node:http'
import type { PulledBody } from './body.ts'

/** A request to a peer's registry. */
export interface PeerRequest {
  /** IP address (IPv6 without brackets) and port. */
  readonly endpoint: { readonly host: string; readonly port: number }
  readonly method: 'GET' | 'HEAD' | 'POST'
  /** Path and query as they go on the wire. */
  readonly target: string
  readonly headers: Readonly<Record<string, string>>
  /** Body of a POST, which may be sent twice: only for requests that do no more then. */
  readonly body?: Buffer
}

export interface PeerRequestOptions {
  /** Gives up the request, or the body once the head is there. */
  readonly signal: AbortSignal
  /** Longest wait for the response head, connecting included. */
  readonly headersTimeoutMs: number
  /** Longest wait for a connection. Default: `headersTimeoutMs`. */
  readonly connectTimeoutMs?: number
}

/** The head of a peer's answer, and its body to be read. */
export interface PeerResponse {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** Empty for HEAD. Must be read to its end or destroyed. */
  readonly body: PeerBody
}

/** A body that is pulled, so that nothing is buffered beyond what the reader asks for. */
export interface PeerBody extends PulledBody {
  /**
   * As {@link PulledBody.read}.
   * @throws {PeerBodyError} where the connection breaks off before the end.
   */
  read(): Promise<Buffer | undefined>
}

/** Sends requests to peers over kept connections. */
export interface PeerClient {
  /**
   * Resolves with the response head, whatever its status.
   * @throws {PeerBusyError} too many requests to that peer are in flight already
   * @throws {PeerConnectError} nobody answers there
   * @throws {PeerTimeoutError} no head within `headersTimeoutMs`
   * @throws {PeerResponseError} the connection broke off, or what came is not an answer this client accepts
   */
  request(request: PeerRequest, options: PeerRequestOptions): Promise<PeerResponse>
  /** Closes kept connections. */
  close(): Promise<void>
}
