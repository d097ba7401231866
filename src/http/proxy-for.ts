import { BlockList, isIP, isIPv4 } from 'node:net'

const CIDR = /^(?<network>[0-9a-fA-F:.]+)\/(?<bits>[0-9]{1,3})$/
const NAME_AND_PORT = /^(?<name>\[[^\]]+\]|[^:]+|[^:]*:[^:]*:.*?)(?::(?<port>[0-9]+))?$/

/**
 * The proxy that the environment (`HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY`, or in lower case) has for `url`, by the rules
 * that container runtimes go by, which are Go's: `NO_PROXY` lists names with all below them, names below `.example` alone,
 * addresses, networks, each with an optional port, or `*`; this node itself is never asked through a proxy. Undefined where
 * there is none, or none that speaks HTTP.
 * @see https://pkg.go.dev/golang.org/x/net/http/httpproxy
 */
export function proxyFor(url: URL, env: NodeJS.ProcessEnv): URL | undefined {
  const read = (name: string): string => env[name] || env[name.toLowerCase()] || ''
  const proxy = read(url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY')
  if (proxy === '') return undefined
  const host = bare(url.hostname)
  const port = url.port || (url.protocol === 'https:' ? '443' : '80')
  if (host === 'localhost' || isLoopback(host)) return undefined
  const exceptions = read('NO_PROXY').split(',')
  if (exceptions.some(entry => covers(entry.trim().toLowerCase(), { host, port }))) return undefined
  const parsed = URL.parse(proxy.includes('://') ? proxy : `http://${proxy}`)
  return parsed !== null && /^https?:$/.test(parsed.protocol) ? parsed : undefined
}

function covers(entry: string, target: { readonly host: string; readonly port: string }): boolean {
  if (entry === '*') return true
  const { network, bits } = CIDR.exec(entry)?.groups ?? {}
  if (network !== undefined) return isIP(target.host) !== 0 && isWithin(target.host, network, Number(bits))
  const { name = '', port } = NAME_AND_PORT.exec(entry)?.groups ?? {}
  if (name === '' || (port !== undefined && port !== target.port)) return false
  const wanted = bare(name).replace(/^\*\./, '.')
  return target.host === wanted || target.host.endsWith(wanted.startsWith('.') ? wanted : `.${wanted}`)
}

function isWithin(address: string, network: string, bits: number): boolean {
  if (isIP(network) === 0 || bits > (isIPv4(network) ? 32 : 128)) return false
  const list = new BlockList()
  list.addSubnet(network, bits, isIPv4(network) ? 'ipv4' : 'ipv6')
  return list.check(address, isIPv4(address) ? 'ipv4' : 'ipv6')
}

function isLoopback(host: string): boolean {
  return isIP(host) !== 0 && (isWithin(host, '127.0.0.0', 8) || isWithin(host, '::1', 128))
}

function bare(host: string): string {
  return host.replace(/^\[|\]$/g, '')
}
