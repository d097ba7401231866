import type { ConnectionEncrypter } from '@libp2p/interface'
import type { TLSComponents } from '@libp2p/tls'

/** Protocol id of libp2p's TLS 1.3. */
const TLS_PROTOCOL = '/tls/1.0.0'

/**
 * TLS for peers that do not speak Noise. The library with its certificate code is loaded when the first of them comes: it
 * would cost every node memory, and its handshake takes twice the CPU time of Noise.
 */
export function lazyTls(): (components: TLSComponents) => ConnectionEncrypter {
  return components => {
    let loading: Promise<ConnectionEncrypter> | undefined
    const load = (): Promise<ConnectionEncrypter> => {
      loading ??= import('@libp2p/tls').then(({ tls }) => tls()(components))
      return loading
    }
    return {
      protocol: TLS_PROTOCOL,
      secureInbound: async (connection, options) => (await load()).secureInbound(connection, options),
      secureOutbound: async (connection, options) => (await load()).secureOutbound(connection, options),
    }
  }
}
