import { quote } from '../../oci/errors.ts'

/** Bytes from a peer that are no kad message, or exceed a limit of this node. */
export class InvalidKadMessageError extends Error {
  readonly code = 'KAD_MESSAGE_INVALID'

  constructor(reason: string) {
    super(`invalid kad message: ${reason}`)
    this.name = 'InvalidKadMessageError'
  }
}

/** A stream to a peer ended, or the peer did not answer on it in time. */
export class KadStreamError extends Error {
  readonly code = 'KAD_STREAM'
  /** Whether the peer ended it: what was sent last may be why. */
  readonly isRefusal: boolean

  constructor(peer: string, reason: string, options: ErrorOptions & { readonly isRefusal?: boolean } = {}) {
    super(`stream to ${peer} ${reason}`, options)
    this.name = 'KadStreamError'
    this.isRefusal = options.isRefusal ?? false
  }
}

/** Too many requests wait for this peer's answers already. */
export class KadStreamBusyError extends Error {
  readonly code = 'KAD_STREAM_BUSY'

  constructor(peer: string) {
    super(`too many requests wait for ${peer}`)
    this.name = 'KadStreamBusyError'
  }
}

/** A peer sends more than any node needs to. */
export class TooManyMessagesError extends Error {
  readonly code = 'TOO_MANY_MESSAGES'

  constructor(peer: string) {
    super(`${peer} sends too much`)
    this.name = 'TooManyMessagesError'
  }
}

/** None of a peer's addresses could be dialled. */
export class PeerUnreachableError extends Error {
  readonly code = 'PEER_UNREACHABLE'

  constructor(peer: string, options?: ErrorOptions) {
    super(`cannot reach peer ${peer}`, options)
    this.name = 'PeerUnreachableError'
  }
}

/** An entry of the bootstrap configuration that names no peer. */
export class InvalidBootstrapPeerError extends Error {
  readonly code = 'BOOTSTRAP_PEER_INVALID'

  constructor(entry: string, options?: ErrorOptions) {
    super(
      `invalid bootstrap peer ${quote(entry)}: want host, host:port or a multiaddr such as /ip4/10.0.0.1/tcp/5001/p2p/<id>`,
      options,
    )
    this.name = 'InvalidBootstrapPeerError'
  }
}

/** The router cannot listen where it was told to. */
export class RouterListenError extends Error {
  readonly code = 'ROUTER_LISTEN'

  constructor(address: string, options: { readonly cause: unknown }) {
    // libp2p wraps the system's error in several lines of advice; its code is what the user needs.
    const [systemCode] = /\bE[A-Z]{3,}\b/.exec(String(options.cause)) ?? []
    super(`router cannot listen on ${address}${systemCode === undefined ? '' : ` (${systemCode})`}`, options)
    this.name = 'RouterListenError'
  }
}

/** The data directory holds no identity that can be used, and none can be made. */
export class IdentityError extends Error {
  readonly code = 'IDENTITY'

  constructor(file: string, reason: string, options?: ErrorOptions) {
    super(`${file} ${reason}: want an Ed25519 private key as PKCS#8 PEM, or no file for a new one`, options)
    this.name = 'IdentityError'
  }
}

/** Another process has this node's identity. */
export class TwinError extends Error {
  readonly code = 'TWIN'

  constructor() {
    super('another node has the identity of this one')
    this.name = 'TwinError'
  }
}

/** What was fetched to bootstrap by is not a list of peers. */
export class BootstrapAnswerError extends Error {
  readonly code = 'BOOTSTRAP_ANSWER'

  constructor(url: URL, reason: string, options?: ErrorOptions) {
    // A URL may carry a password.
    super(`unusable bootstrap answer from ${url.origin}${url.pathname}: ${reason}`, options)
    this.name = 'BootstrapAnswerError'
  }
}
