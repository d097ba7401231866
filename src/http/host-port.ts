import { isIPv6 } from 'node:net'

/** A place on the network. `host` is a name or an IP address, IPv6 without brackets; undefined stands for all addresses. */
export interface HostPort {
  readonly host: string | undefined
  readonly port: number
}

/** `host:port`, IPv6 in brackets; `:port` for all addresses. */
export function formatHostPort({ host = '', port }: HostPort): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`
}
