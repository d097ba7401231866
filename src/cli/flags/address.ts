import { isIPv4, isIPv6 } from 'node:net'

/** Where a server listens. */
export interface Address {
  /** An IP address (IPv6 without brackets) or a host name; empty for every interface. */
  readonly host: string
  /** 0 lets the system choose. */
  readonly port: number
}

const FORM = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/i
const MAX_PORT = 65_535

function isHost(text: string): boolean {
  // What is all digits and dots is meant to be an IPv4 address, and no host name where it is none.
  return text === '' || isIPv4(text) || (HOST_NAME.test(text) && /[^\d.]/.test(text))
}

/** `host:port`, `:port` or `[IPv6]:port`; undefined for anything else. */
export function parseAddress(text: string): Address | undefined {
  const [matched, ipv6, host = '', digits] = FORM.exec(text) ?? []
  if (matched === undefined) return undefined
  const port = Number(digits)
  if (port > MAX_PORT || (ipv6 === undefined ? !isHost(host) : !isIPv6(ipv6))) return undefined
  return { host: ipv6 ?? host, port }
}
