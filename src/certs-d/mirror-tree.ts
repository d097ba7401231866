import path from 'node:path'
import type { Log } from '../observability/log.ts'
import { isRegistry } from '../oci/names.ts'
import type { RegistryUrl } from '../oci/registry-url.ts'
import { readExistingHosts } from './existing-hosts.ts'
import type { Attributes } from './file-changes.ts'
import { formatHostsFile } from './hosts-file.ts'
import { DEFAULT_DIRECTORY, HOSTS_FILE, registryDirectories } from './layout.ts'
import { type MirrorUse, mirrorHosts } from './mirror-hosts.ts'
import { mark } from './ownership.ts'
import type { Tree, TreeNode } from './tree.ts'

const DIRECTORY: Attributes = { mode: 0o755 }
const READABLE_BY_ALL = 0o644
const FOR_OWNER = 0o600
const DIRECTORY_WITH_PORT = /^(?<host>.+)_(?<port>\d+)_$/

export interface MirrorTreeComponents {
  readonly log: Log
  /** The configuration directory. */
  readonly root: string
  readonly backup: Tree
  /** What is in force. */
  readonly current: Tree
}

export interface MirrorTreeOptions {
  /** Those that get a file; undefined among them stands for all that have none. */
  readonly registries: readonly (RegistryUrl | undefined)[]
  readonly use: MirrorUse
  /** Whether what was there stays in force, after the mirrors. */
  readonly prependExisting: boolean
}

/** What the configuration directory shall hold. */
export async function mirrorTree(
  components: MirrorTreeComponents,
  { registries, use, prependExisting }: MirrorTreeOptions,
): Promise<Tree> {
  const { backup, current } = components
  const wanted = new Map<string, TreeNode>(prependExisting ? backup : [])
  const mirrored = new Map(registries.map(registry => [directoryFor(registry, prependExisting, backup), registry]))
  if (prependExisting && mirrored.has(DEFAULT_DIRECTORY)) {
    // A registry with a directory of its own never falls back to the default one.
    for (const name of registriesIn(backup)) if (!mirrored.has(name)) mirrored.set(name, undefined)
  }
  for (const [name, registry] of mirrored) {
    const existing = prependExisting ? await readExistingHosts(components, name) : undefined
    const content = mark(formatHostsFile(mirrorHosts(registry, use, existing)))
    wanted.set(name, [backup.get(name), current.get(name)].find(isDirectory) ?? newDirectory())
    wanted.set(path.join(name, HOSTS_FILE), {
      kind: 'text',
      content,
      attributes: { mode: modeOf(backup, name, use) },
    })
  }
  return wanted
}

/** Go Spegel's name, unless what is to be kept has containerd's other name for it. */
function directoryFor(registry: RegistryUrl | undefined, prependExisting: boolean, backup: Tree): string {
  if (registry === undefined) return DEFAULT_DIRECTORY
  const names = registryDirectories(registry.registry)
  return (prependExisting ? names.find(name => backup.has(name)) : undefined) ?? registry.registry
}

function registriesIn(tree: Tree): readonly string[] {
  return [...tree]
    .filter(([name, { kind }]) => !name.includes(path.sep) && (kind === 'directory' || kind === 'symlink'))
    .map(([name]) => name)
    .filter(name => isRegistry(name.replace(DIRECTORY_WITH_PORT, '$<host>:$<port>')))
}

function isDirectory(node: TreeNode | undefined): node is Extract<TreeNode, { kind: 'directory' }> {
  return node?.kind === 'directory'
}

function newDirectory(): TreeNode {
  return { kind: 'directory', attributes: DIRECTORY }
}

/** As its predecessor could be read, for it may hold the same secrets; a password is for the owner only. */
function modeOf(backup: Tree, name: string, { authorization }: MirrorUse): number {
  const names = [name, ...registryDirectories(name)]
  const node = names.map(each => backup.get(path.join(each, HOSTS_FILE))).find(each => each?.kind === 'file')
  const mode = node?.kind === 'file' ? node.attributes.mode : READABLE_BY_ALL
  return authorization === undefined ? mode : mode & FOR_OWNER
}
