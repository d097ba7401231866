import type { Bootstrapper } from '../../routing/libp2p/bootstrap.ts'
import { dnsBootstrapper } from '../../routing/libp2p/bootstrap-dns.ts'
import { httpBootstrapper } from '../../routing/libp2p/bootstrap-http.ts'
import { staticBootstrapper } from '../../routing/libp2p/bootstrap-static.ts'
import { InvalidBootstrapPeerError } from '../../routing/libp2p/errors.ts'
import { DOMAIN, HTTP_URL, type Kind } from '../flags/kind.ts'
import { UsageError } from '../flags/usage-error.ts'
import type { RegistryFlags } from './flags.ts'
import { peerBootstrapUrl } from './other-release-flags.ts'

/**
 * What names the first peers, as the flags have it; flags of the other kinds are ignored, as in Go Spegel. Undefined where
 * there are no peers to join by: the node is the first of its cluster, and others join it.
 * @throws {UsageError} where a flag that the kind needs is missing or names no peer
 */
export function createBootstrapper(flags: RegistryFlags): Bootstrapper | undefined {
  const { bootstrapKind: kind, dnsBootstrapDomain: domain, httpBootstrapPeer: peer, httpBootstrapCertDir } = flags
  const { port } = flags.routerAddr
  if (kind === 'dns') {
    if (domain === undefined) throw missing('--dns-bootstrap-domain', kind, DOMAIN)
    return dnsBootstrapper({ domain, port })
  }
  if (kind === 'http') {
    const url = flags.httpBootstrapUrl ?? (peer === undefined ? undefined : peerBootstrapUrl(peer))
    if (url === undefined) throw missing('--http-bootstrap-url', kind, HTTP_URL)
    const certificates = httpBootstrapCertDir === undefined ? {} : { certDirectory: httpBootstrapCertDir }
    return httpBootstrapper({ url, defaultPort: port, ...certificates })
  }
  return flags.staticBootstrapPeers.length === 0 ? undefined : staticPeers(flags.staticBootstrapPeers, port)
}

function missing(flag: string, kind: string, { accepts }: Kind<unknown>): UsageError {
  return new UsageError(`${flag} is required with --bootstrap-kind ${kind}: want ${accepts}`)
}

function staticPeers(entries: readonly string[], defaultPort: number): Bootstrapper {
  try {
    return staticBootstrapper(entries, defaultPort)
  } catch (error) {
    if (!(error instanceof InvalidBootstrapPeerError)) throw error
    throw new UsageError(`--static-bootstrap-peers: ${error.message}`, { cause: error })
  }
}
