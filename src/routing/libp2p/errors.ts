import { quote } from '../../oci/errors.ts'

/** Bytes from a peer that are no kad message, or exceed a limit of this node. */
export class InvalidKadMessageError extends Error {
  readonly code = 'KAD_MESSAGE_INVALID'

  constructor(reason: string) {
    super(`invalid kad message: ${reason}`)
    this.name = 'InvalidKadMessageError'
  }
}

/** A peer's kad stream ended, or did not answer in time. */
export class KadStreamError extends Error {
  readonly code = 'KAD_STREAM'

  constructor(peer: string, reason: string, options?: ErrorOptions) {
    super(`kad stream to ${peer} ${reason}`, options)
    this.name = 'KadStreamError'
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
