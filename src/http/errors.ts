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

/** A peer's body broke off before its end. */
export class PeerBodyError extends Error {
  readonly code = 'PEER_BODY'

  constructor(peer: string, options?: ErrorOptions) {
    super(`body from peer ${peer} broke off`, options)
    this.name = 'PeerBodyError'
  }
}
