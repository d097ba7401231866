import { isIPv4 } from 'node:net'

const MAPPED_IPV4 = '::ffff:'

/** An IP address of a client as it is written elsewhere: a socket that is bound to all addresses maps IPv4 into IPv6. */
export function unmapped(address: string): string {
  return address.startsWith(MAPPED_IPV4) ? address.slice(MAPPED_IPV4.length) : address
}

/** Whether an IP address of a client is one of this machine, or pod, that nobody else can send from. */
export function isLoopbackClient(address: string): boolean {
  const client = unmapped(address)
  return client === '::1' || (isIPv4(client) && client.startsWith('127.'))
}
