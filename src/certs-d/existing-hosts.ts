import { readdir } from 'node:fs/promises'
import path from 'node:path'
import type { TomlTable, TomlValue } from 'smol-toml'
import { readBoundedFile } from '../files/read-bounded-file.ts'
import type { Log } from '../observability/log.ts'
import { HostsFileError } from './errors.ts'
import { type HostsFile, parseHostsFile } from './hosts-file.ts'
import { BACKUP_DIRECTORY, HOSTS_FILE } from './layout.ts'
import { MAX_COMPARED_BYTES } from './same-node.ts'
import type { Tree } from './tree.ts'

/** As many links as the kernel follows. */
const MAX_LINKS = 40

export interface ExistingComponents {
  readonly log: Log
  /** The configuration directory. */
  readonly root: string
  readonly backup: Tree
}

/**
 * What containerd took from the registry directory `name` before mirrors were configured: the `hosts.toml`, or the
 * certificates that lie there as Docker wants them, which count only where there is no `hosts.toml`. Paths are such that
 * they lead to the same files from a directory in its place. Undefined where there is nothing.
 */
export async function readExistingHosts(components: ExistingComponents, name: string): Promise<HostsFile | undefined> {
  const { backup, root } = components
  const directory = locate(components, name)
  if (directory === undefined) return undefined
  const file = locate(components, path.join(name, HOSTS_FILE))
  const existing = (await readHosts(components, file)) ?? (await dockerCertificates(directory))
  if (existing === undefined || backup.get(name)?.kind === 'directory') return existing
  const target = inForce(root, directory)
  const settle = (settings: TomlTable): TomlTable => mapPaths(settings, each => path.resolve(target, each))
  return {
    ...existing,
    serverSettings: settle(existing.serverSettings),
    hosts: new Map([...existing.hosts].map(([url, settings]) => [url, settle(settings)] as const)),
  }
}

/** Where `relative` is to be read now, links followed as they led before; undefined where they lead in circles. */
function locate({ root, backup }: ExistingComponents, relative: string): string | undefined {
  let place = path.join(root, relative)
  for (let links = 0; links < MAX_LINKS; links += 1) {
    const below = path.relative(root, place)
    if (below.startsWith('..')) return place
    const parts = below.split(path.sep)
    const prefixes = parts.map((_, index) => parts.slice(0, index + 1).join(path.sep))
    const link = prefixes.find(prefix => backup.get(prefix)?.kind === 'symlink')
    const node = link === undefined ? undefined : backup.get(link)
    if (link === undefined || node?.kind !== 'symlink') return path.join(root, BACKUP_DIRECTORY, below)
    place = path.resolve(root, path.dirname(link), node.target, path.relative(link, below))
  }
  return undefined
}

/** The path that a file of the backup had. */
function inForce(root: string, located: string): string {
  const below = path.relative(path.join(root, BACKUP_DIRECTORY), located)
  return below.startsWith('..') ? located : path.join(root, below)
}

async function readHosts({ log }: ExistingComponents, file: string | undefined): Promise<HostsFile | undefined> {
  if (file === undefined) return undefined
  try {
    const text = (await readBoundedFile(file, MAX_COMPARED_BYTES))?.toString()
    return text === undefined || text === '' ? undefined : parseHostsFile(text)
  } catch (error) {
    if (!(error instanceof HostsFileError || error instanceof RangeError || error instanceof TypeError)) throw error
    log.warn('existing hosts are ignored, as by containerd', { file, error })
    return undefined
  }
}

/** @see https://docs.docker.com/engine/security/certificates/ */
async function dockerCertificates(directory: string): Promise<HostsFile | undefined> {
  const found: readonly string[] = await readdir(directory).catch(() => [])
  const names = found.toSorted()
  const ca = names.filter(name => name.endsWith('.crt'))
  const client = names
    .filter(name => name.endsWith('.cert'))
    .map(name => [name, `${path.basename(name, '.cert')}.key`])
    .map(([cert = '', key = '']) => [cert, names.includes(key) ? key : ''])
  if (ca.length === 0 && client.length === 0) return undefined
  return {
    serverSettings: { ...(ca.length === 0 ? {} : { ca }), ...(client.length === 0 ? {} : { client }) },
    hosts: new Map(),
  }
}

function mapPaths(settings: TomlTable, change: (file: string) => string): TomlTable {
  const map = (value: TomlValue): TomlValue => {
    if (Array.isArray(value)) return value.map(map)
    // An empty key file means: the certificate holds the key.
    return typeof value === 'string' && value !== '' ? change(value) : value
  }
  return Object.fromEntries(
    Object.entries(settings).map(([key, value]) => [key, key === 'ca' || key === 'client' ? map(value) : value]),
  )
}
