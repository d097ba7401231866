import { getSystemErrorMessage } from 'node:util'

/** A peer could not be connected to. */
export class PeerConnectError extends Error {
  readonly code = 'PEER_CONNECT'

  constructor(peer: string, options?: ErrorOptions) {
    super(`cannot connect to peer ${peer}`, options)
    this.name = 'PeerConnectError'
  }
}

/** A peer sent no response head in time. */
export class PeerTimeoutError extends Error {
  readonly code = 'PEER_TIMEOUT'

  constructor(peer: string, timeoutMs: number) {
    super(`peer ${peer} sent no response head within ${timeoutMs} ms`)
    this.name = 'PeerTimeoutError'
  }
}

/** A peer's connection broke off before a response head, or the head is not acceptable. */
export class PeerResponseError extends Error {
  readonly code = 'PEER_RESPONSE'

  constructor(peer: string, reason: string, options?: ErrorOptions) {
    super(`unusable response from peer ${peer}: ${reason}`, options)
    this.name = 'PeerResponseError'
  }
}

/** The head of a response is not one that this client knows for sure how to read. */
export class ResponseHeadError extends Error {
  readonly code = 'RESPONSE_HEAD'

  constructor(reason: string) {
    super(reason)
    this.name = 'ResponseHeadError'
  }
}

/** A peer's body broke off before its end. */
export class PeerBodyError extends Error {
  readonly code = 'PEER_BODY'

  constructor(peer: string, options?: ErrorOptions) {
    super(`body from peer ${peer} broke off`, options)
    this.name = 'PeerBodyError'
  }
}

/** This node already has as many requests in flight to a peer as it allows itself; the peer is not at fault. */
export class PeerBusyError extends Error {
  readonly code = 'PEER_BUSY'

  constructor(peer: string, limit: number) {
    super(`${limit} requests to peer ${peer} are in flight already`)
    this.name = 'PeerBusyError'
  }
}

/** The body of a request is not one that can be used. */
export class RequestBodyError extends Error {
  readonly code = 'REQUEST_BODY'

  constructor(reason: string, options?: ErrorOptions) {
    super(`request body ${reason}`, options)
    this.name = 'RequestBodyError'
  }
}

/** The client hung up before it had the whole response. */
export class ClientGoneError extends Error {
  readonly code = 'CLIENT_GONE'

  constructor(options?: ErrorOptions) {
    super('the client hung up', options)
    this.name = 'ClientGoneError'
  }
}

/** A response body ended before its length because its source failed; the client has been told with an early end. */
export class BodyBrokenError extends Error {
  readonly code = 'BODY_BROKEN'
  /** Body bytes that were sent. */
  readonly sentBytes: number

  constructor(sentBytes: number, options?: ErrorOptions) {
    super(`the source of a response body failed after ${sentBytes} bytes`, options)
    this.name = 'BodyBrokenError'
    this.sentBytes = sentBytes
  }
}

/** The server stops, and has waited for this exchange as long as it may. */
export class ServerStoppingError extends Error {
  readonly code = 'SERVER_STOPPING'

  constructor() {
    super('the server stops')
    this.name = 'ServerStoppingError'
  }
}

/** A server can't listen where it was told to. */
export class ListenError extends Error {
  readonly code = 'LISTEN'

  constructor(name: string, address: string, cause: NodeJS.ErrnoException) {
    const reason = cause.errno === undefined ? cause.message : getSystemErrorMessage(cause.errno)
    super(`cannot listen on ${address} (${name}): ${reason}`, { cause })
    this.name = 'ListenError'
  }
}
