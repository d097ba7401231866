import type { CallOptions } from '../router.ts'
import type { Bootstrapper } from './bootstrap.ts'
import { lookupName } from './name-lookup.ts'

export interface DnsBootstrapOptions {
  /** Its addresses are those of peers: the name of a headless Service, say. */
  readonly domain: string
  /** Where peers listen: this node's own router port. */
  readonly port: number
  /** DNS servers to ask, `ip` or `ip:port`; default: those of the system. */
  readonly servers?: readonly string[]
}

/** Bootstrap by the addresses of a domain, as {@link lookupName} finds them. */
export function dnsBootstrapper({ domain, port, ...options }: DnsBootstrapOptions): Bootstrapper {
  return {
    async peers({ signal }: CallOptions) {
      const hosts = await lookupName(domain, { ...options, signal })
      return hosts.map(host => ({ id: undefined, endpoints: [{ host, port }] }))
    },
  }
}
