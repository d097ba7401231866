import { BlockList, isIPv4 } from 'node:net'

/** What only this node itself can reach, or only it should: its own services and the cloud's metadata service. */
const RANGES: readonly (readonly [network: string, prefixBits: number, family: 'ipv4' | 'ipv6'])[] = [
  ['0.0.0.0', 8, 'ipv4'],
  ['127.0.0.0', 8, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['224.0.0.0', 3, 'ipv4'],
  ['::', 128, 'ipv6'],
  ['::1', 128, 'ipv6'],
  ['fd00:ec2::254', 128, 'ipv6'],
  ['fe80::', 10, 'ipv6'],
  ['ff00::', 8, 'ipv6'],
]

const blocked = blockList()

function blockList(): BlockList {
  const list = new BlockList()
  for (const [network, prefixBits, family] of RANGES) list.addSubnet(network, prefixBits, family)
  return list
}

/**
 * Whether a connection to `address` would reach into this node rather than out of it: loopback, link-local, multicast and
 * unspecified addresses, IPv4 ones mapped to IPv6 too. Private networks are no such addresses: registries live in them.
 * @param address an IP address, IPv6 without brackets
 */
export function isOffLimits(address: string): boolean {
  return blocked.check(address, isIPv4(address) ? 'ipv4' : 'ipv6')
}
