/** What a registry's directory says of the hosts to ask. */
export const HOSTS_FILE = 'hosts.toml'
/** Stands for every registry that has no directory of its own. */
export const DEFAULT_DIRECTORY = '_default'
/** What was there before us; that it exists says that mirrors are configured. Go Spegel's name. */
export const BACKUP_DIRECTORY = '_backup'
/** Everything that is not complete yet, or no longer in force. No registry can have this name. */
export const SCRATCH_DIRECTORY = '_backup.tmp'

/** Entries of the configuration directory that are nobody's configuration. */
export const BOOKKEEPING: ReadonlySet<string> = new Set([BACKUP_DIRECTORY, SCRATCH_DIRECTORY])

const PORT = /^(?<host>.+):(?<port>[^:]*)$/

/**
 * The directories in which containerd looks for a registry, the first that exists counts: a port may also be written as
 * `host_port_`, for file systems that know no colons.
 * @see https://github.com/containerd/containerd/blob/main/docs/hosts.md#registry-host-namespace
 */
export function registryDirectories(registry: string): readonly string[] {
  const { host, port } = PORT.exec(registry)?.groups ?? {}
  return host === undefined ? [registry] : [`${host}_${port}_`, registry]
}
