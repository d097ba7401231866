import { formatHostPort } from '../../../http/host-port.ts'
import { acceptsConnections } from '../../../routing/libp2p/tcp-probe.ts'
import { createBootstrapper } from '../../registry/bootstrapper.ts'
import type { RegistryFlags } from '../../registry/flags.ts'

/** Peers of one bootstrap that are tried. */
const MAX_PEERS = 64
/** Longest wait for bootstrap to name peers. */
const TIMEOUT_MS = 5000

export interface BootstrapOptions {
  readonly signal: AbortSignal
  /** Multiaddrs of this node, which bootstrap may name too. */
  readonly own: readonly string[]
}

/** The peers that bootstrap names, and whether each accepts connections; or why it names none. */
export async function bootstrapPeers(
  flags: RegistryFlags,
  { signal, own }: BootstrapOptions,
): Promise<ReadonlyMap<string, boolean> | { readonly trouble: string }> {
  try {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)])
    const candidates = (await createBootstrapper(flags)?.peers({ signal: limited })) ?? []
    const ownEndpoints = new Set(own.flatMap(endpointOf))
    const others = candidates
      .filter(({ endpoints }) => !endpoints.some(endpoint => ownEndpoints.has(formatHostPort(endpoint))))
      .slice(0, MAX_PEERS)
    const tried = others.map(async ({ endpoints }): Promise<readonly [string, boolean]> => {
      const accepts = await Promise.all(endpoints.map(endpoint => acceptsConnections(endpoint, { signal })))
      return [endpoints.map(formatHostPort).join(' or '), accepts.includes(true)]
    })
    return new Map(await Promise.all(tried))
  } catch (error) {
    signal.throwIfAborted()
    return { trouble: error instanceof Error ? error.message : String(error) }
  }
}

/** `host:port` of a multiaddr. */
function endpointOf(multiaddr: string): readonly string[] {
  const { host, port } = /^\/ip[46]\/(?<host>[^/]+)\/tcp\/(?<port>\d+)/.exec(multiaddr)?.groups ?? {}
  return host === undefined ? [] : [formatHostPort({ host, port: Number(port) })]
}
