import { Resolver } from 'node:dns/promises'
import { readFile } from 'node:fs/promises'
import { isIPv4 } from 'node:net'
import type { CallOptions } from '../router.ts'
import { abortable } from './abortable.ts'
import { searchNames } from './dns-search.ts'
import { hostsAddresses } from './hosts-file.ts'

const HOSTS_FILE = '/etc/hosts'
const RESOLV_CONF = '/etc/resolv.conf'
/** Longest wait for the first answer of a server; the second try waits up to twice as long. */
const TRY_TIMEOUT_MS = 1000
const TRIES = 2
/** Longest wait in all, whatever the number of servers and search domains. */
const TIMEOUT_MS = 4000
/** What a server says of a name that is not there, or that has no address of the family asked for. */
const NOT_THERE: ReadonlySet<unknown> = new Set(['ENOTFOUND', 'ENODATA'])

export interface NameLookupOptions extends CallOptions {
  /** 0, the default, is both. */
  readonly family?: 0 | 4 | 6
  /** DNS servers to ask, `ip` or `ip:port`; default: those of the system. */
  readonly servers?: readonly string[]
}

/**
 * The addresses of `name`: those in `/etc/hosts`, else its A and AAAA records, looked for in the search domains where it is
 * relative. IPv4 first, each family sorted. The C library is not asked: a dead server would block the threads that also
 * read files. The system's configuration is read each time, for a node may start before its network is set up. One family
 * that can't be asked for does not matter where the other has addresses.
 * @returns none where the name is there but has no address
 * @throws what the resolver says where the name is not there or can't be asked for
 */
export async function lookupName(name: string, options: NameLookupOptions): Promise<readonly string[]> {
  const { family = 0, servers, signal } = options
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)])
  const [hosts, resolvConf] = await Promise.all([readIfPossible(HOSTS_FILE), readIfPossible(RESOLV_CONF)])
  const listed = hostsAddresses(name, hosts).filter(each => family === 0 || isIPv4(each) === (family === 4))
  if (listed.length > 0) return inOrder(listed)
  const resolver = new Resolver({ timeout: TRY_TIMEOUT_MS, tries: TRIES })
  if (servers !== undefined) resolver.setServers(servers)
  const resolve = async (each: string): Promise<readonly PromiseSettledResult<readonly string[]>[]> =>
    await Promise.allSettled([
      ...(family === 6 ? [] : [resolver.resolve4(each)]),
      ...(family === 4 ? [] : [resolver.resolve6(each)]),
    ])
  try {
    return await abortable(findFirst(searchNames(name, resolvConf), resolve), deadline)
  } finally {
    resolver.cancel()
  }
}

async function findFirst(
  names: readonly string[],
  resolve: (name: string) => Promise<readonly PromiseSettledResult<readonly string[]>[]>,
): Promise<readonly string[]> {
  let missing: unknown
  let isEmpty = false
  for (const name of names) {
    const families = await resolve(name)
    const addresses = families.flatMap(each => (each.status === 'fulfilled' ? each.value : []))
    if (addresses.length > 0) return inOrder(addresses)
    for (const each of families) {
      if (each.status !== 'rejected') continue
      const code: unknown = Reflect.get(Object(each.reason), 'code')
      if (!NOT_THERE.has(code)) throw each.reason
      isEmpty ||= code === 'ENODATA'
      missing = each.reason
    }
  }
  if (isEmpty) return []
  throw missing
}

function inOrder(addresses: readonly string[]): readonly string[] {
  const unique = [...new Set(addresses)].toSorted()
  return [...unique.filter(isIPv4), ...unique.filter(address => !isIPv4(address))]
}

async function readIfPossible(file: string): Promise<string> {
  return await readFile(file, 'utf8').catch(() => '')
}
