import { readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { HostsFileError } from '../../../certs-d/errors.ts'
import { parseHostsFile } from '../../../certs-d/hosts-file.ts'
import { BOOKKEEPING, DEFAULT_DIRECTORY, HOSTS_FILE, registryDirectories } from '../../../certs-d/layout.ts'
import { isOurs } from '../../../certs-d/ownership.ts'
import { readBoundedFile } from '../../../files/read-bounded-file.ts'

/** Far more than any hosts.toml has. */
const MAX_FILE_BYTES = 1024 * 1024

/** What containerd is told of one registry. */
export interface HostsInForce {
  /** The directory that counts, as containerd sees it; undefined where there is none. */
  readonly directory: string | undefined
  /** URLs that are asked before the registry, in order. */
  readonly hosts: readonly string[]
  /** Whether `spegel configuration` wrote it. */
  readonly isOurs: boolean
  /** Why there are no hosts, where the file can't be used. */
  readonly trouble?: string
}

export interface HostsOptions {
  /** `config_path` of containerd, which the first directory of counts that has one for the registry, or for all. */
  readonly configPaths: readonly string[]
  readonly hostRoot: string
}

/**
 * The hosts that containerd asks for `registry`; undefined stands for registries without a directory of their own.
 * @see https://github.com/containerd/containerd/blob/main/docs/hosts.md
 */
export async function hostsInForce(registry: string | undefined, options: HostsOptions): Promise<HostsInForce> {
  const own = registry === undefined ? [] : registryDirectories(registry)
  for (const root of options.configPaths) {
    for (const name of [...own, DEFAULT_DIRECTORY]) {
      const directory = path.join(root, name)
      if (await isDirectory(path.join(options.hostRoot, directory))) return await readHosts(directory, options.hostRoot)
    }
  }
  return { directory: undefined, hosts: [], isOurs: false }
}

/** Names of the registries that have a directory of their own. */
export async function configuredRegistries({ configPaths, hostRoot }: HostsOptions): Promise<readonly string[]> {
  const names = new Set<string>()
  for (const root of configPaths) {
    for (const entry of await readdir(path.join(hostRoot, root), { withFileTypes: true }).catch(() => [])) {
      const counts = entry.isDirectory() || entry.isSymbolicLink()
      if (counts && entry.name !== DEFAULT_DIRECTORY && !BOOKKEEPING.has(entry.name)) names.add(entry.name)
    }
  }
  return [...names].map(name => name.replace(/_(\d+)_$/, ':$1')).toSorted()
}

async function readHosts(directory: string, hostRoot: string): Promise<HostsInForce> {
  const file = path.join(directory, HOSTS_FILE)
  try {
    const text = (await readBoundedFile(path.join(hostRoot, file), MAX_FILE_BYTES))?.toString()
    if (text === undefined) return { directory, hosts: [], isOurs: false, trouble: `${file} does not exist` }
    return { directory, hosts: [...parseHostsFile(text).hosts.keys()], isOurs: isOurs(text) }
  } catch (error) {
    const reason = error instanceof HostsFileError ? error.message : 'cannot be read'
    return { directory, hosts: [], isOurs: false, trouble: `${file}: ${reason}` }
  }
}

async function isDirectory(place: string): Promise<boolean> {
  return await stat(place).then(
    stats => stats.isDirectory(),
    () => false,
  )
}
