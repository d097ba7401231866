import { parse, type TomlTable } from 'smol-toml'
import { HostsFileError } from './errors.ts'
import { formatToml, formatTomlValue, isTomlTable } from './format-toml.ts'

const BRACKET = /[[\]]/
/** Follows the URL of a host that is for containerd 1 only; a fragment is of no account there. */
const FOR_CONTAINERD_1 = '#containerd-1'

/**
 * What a `hosts.toml` says.
 * @see https://github.com/containerd/containerd/blob/main/docs/hosts.md
 */
export interface HostsFile {
  /** The registry itself, asked last; undefined: the one that the image names. */
  readonly server?: string
  /** What else is said of the server, such as its `ca`. */
  readonly serverSettings: TomlTable
  /** URL → settings of what is asked before the server, in this order. */
  readonly hosts: ReadonlyMap<string, TomlTable>
}

/**
 * Reads a `hosts.toml`.
 * @throws {HostsFileError} where containerd would not understand it either
 */
export function parseHostsFile(text: string): HostsFile {
  let table: TomlTable
  try {
    table = parse(text, { integersAsBigInt: true })
  } catch (error) {
    throw new HostsFileError('no TOML', { cause: error })
  }
  const { server, host = {}, ...serverSettings } = table
  if (server !== undefined && typeof server !== 'string') throw new HostsFileError('server is no text')
  if (!isTomlTable(host)) throw new HostsFileError('host is no table')
  const hosts = new Map<string, TomlTable>()
  for (const [url, settings] of Object.entries(host)) {
    if (url.endsWith(FOR_CONTAINERD_1)) continue
    if (!isTomlTable(settings)) throw new HostsFileError('a host is no table')
    hosts.set(url, settings)
  }
  return { ...(server === undefined ? {} : { server }), serverSettings, hosts }
}

/**
 * Writes a `hosts.toml` that containerd 1 and 2 both understand; {@link parseHostsFile} gives it again.
 *
 * Hosts with a bracket, which are those by IPv6 address, are there twice. containerd 1 can't read brackets in a header, so
 * it finds such a host as a value of `[host]`, before all others; containerd 2 passes over it, since it looks for headers.
 * What containerd 1 makes of the header's escapes is a URL without a host, which it fails to ask, and goes on.
 */
export function formatHostsFile({ server, serverSettings, hosts }: HostsFile): string {
  const root = { ...(server === undefined ? {} : { server }), ...serverSettings }
  const values = [...hosts]
    .filter(([url]) => BRACKET.test(url))
    .map(([url, settings]) => `${JSON.stringify(url + FOR_CONTAINERD_1)} = ${formatTomlValue(settings)}`)
  return [
    ...(Object.keys(root).length === 0 ? [] : [formatToml(root)]),
    ...(values.length === 0 ? [] : [`[host]\n${values.join('\n')}\n`]),
    ...(hosts.size === 0 ? [] : [formatToml({ host: Object.fromEntries(hosts) })]),
  ].join('\n')
}
