import path from 'node:path'
import { readBoundedFile } from '../files/read-bounded-file.ts'
import { HostsFileError } from './errors.ts'
import { parseHostsFile } from './hosts-file.ts'
import { BACKUP_DIRECTORY, BOOKKEEPING, HOSTS_FILE } from './layout.ts'
import { type GoSpegelTraces, isOurs } from './ownership.ts'
import { MAX_COMPARED_BYTES } from './same-node.ts'
import { scanTree, type Tree, type TreeNode } from './tree.ts'

/** What a configuration directory holds. */
export interface ConfigState {
  /** All that is in force. */
  readonly current: Tree
  /** What of it others wrote. */
  readonly foreign: Tree
  /** What was there before mirrors were configured; undefined: none are. */
  readonly backup: Tree | undefined
}

export interface ReadOptions {
  /** Mirrors by which files of Go Spegel are recognised. */
  readonly targets: readonly string[]
  readonly signal: AbortSignal
}

/** Looks through the configuration directory `root`; undefined where there is none. */
export async function readConfigState(
  root: string,
  { targets, signal }: ReadOptions,
): Promise<ConfigState | undefined> {
  const current = await scanTree(root, { except: BOOKKEEPING, signal })
  if (current === undefined) return undefined
  const backup = await scanTree(path.join(root, BACKUP_DIRECTORY), { except: BOOKKEEPING, signal })
  const foreign = new Map(current)
  for (const directory of current.keys()) {
    const file = path.join(directory, HOSTS_FILE)
    if (path.dirname(directory) !== '.' || !foreign.has(file)) continue
    const traces = backup === undefined ? undefined : { targets, backedUpHosts: await hostsOf(backup.get(file)) }
    if (!(await isOurFile(current.get(file), traces))) continue
    foreign.delete(file)
    const holdsMore = [...foreign.keys()].some(each => each.startsWith(`${directory}${path.sep}`))
    if (!holdsMore) foreign.delete(directory)
  }
  return { current, foreign, backup }
}

/** What is in the backup, and what others wrote since in the place of it. */
export function mergeTrees(backup: Tree, foreign: Tree): Tree {
  const merged = new Map(backup)
  for (const [relative, node] of foreign) {
    if (node.kind !== 'directory') {
      for (const below of merged.keys()) if (below.startsWith(`${relative}${path.sep}`)) merged.delete(below)
    }
    merged.set(relative, node)
  }
  return merged
}

async function isOurFile(node: TreeNode | undefined, traces: GoSpegelTraces | undefined): Promise<boolean> {
  const text = await textOf(node)
  return text !== undefined && isOurs(text, traces)
}

async function hostsOf(node: TreeNode | undefined): Promise<ReadonlySet<string>> {
  const text = await textOf(node)
  try {
    return new Set(text === undefined ? [] : parseHostsFile(text).hosts.keys())
  } catch (error) {
    if (error instanceof HostsFileError) return new Set()
    throw error
  }
}

/** The text of a file that is small enough to be one of hosts. */
async function textOf(node: TreeNode | undefined): Promise<string | undefined> {
  if (node?.kind !== 'file' || node.size > MAX_COMPARED_BYTES) return undefined
  return (await readBoundedFile(node.path, MAX_COMPARED_BYTES))?.toString()
}
