import path from 'node:path'
import type { FileChanges } from './file-changes.ts'
import { DEFAULT_DIRECTORY, HOSTS_FILE } from './layout.ts'
import { childNames, type MakeOptions, makeEntry } from './make-tree.ts'
import { isSameNode } from './same-node.ts'
import type { Scratch } from './scratch.ts'
import type { Tree } from './tree.ts'

export interface ApplyComponents {
  readonly changes: FileChanges
  readonly scratch: Scratch
}

export interface ApplyOptions extends MakeOptions {
  /** What is in the directory. */
  readonly current: Tree
  /** What shall be in it. */
  readonly wanted: Tree
}

/**
 * Makes the directory at `root` hold what is `wanted`, so that at each moment containerd finds for each registry what was
 * there or what is wanted: a new registry appears with all of its files at once; certificates come before the `hosts.toml`
 * that names them; the directory for all other registries comes last, when those that shall not fall back to it no longer
 * do. What is there and not wanted stays.
 *
 * A directory can't take the place of a link to one in one step: between two, that registry has none.
 */
export async function addTree(components: ApplyComponents, root: string, options: ApplyOptions): Promise<void> {
  for (const name of inOrder(childNames(options.wanted, ''), DEFAULT_DIRECTORY)) {
    await putEntry(components, { root, relative: name }, options)
  }
}

/**
 * Removes from the directory at `root` what is not `wanted`. Whole directories go at once, because one without its
 * `hosts.toml` would keep containerd from looking further.
 */
export async function removeRest({ scratch }: ApplyComponents, root: string, options: ApplyOptions): Promise<void> {
  const { current, wanted, signal } = options
  for (const relative of current.keys()) {
    signal.throwIfAborted()
    const parent = path.dirname(relative)
    const isOutermost = parent === '.' || (wanted.has(parent) && current.get(parent)?.kind === wanted.get(parent)?.kind)
    if (isOutermost && !wanted.has(relative)) await scratch.takeAway(path.join(root, relative))
  }
}

async function putEntry(
  { changes, scratch }: ApplyComponents,
  { root, relative }: { readonly root: string; readonly relative: string },
  options: ApplyOptions,
): Promise<void> {
  const { current, wanted, signal } = options
  signal.throwIfAborted()
  const there = current.get(relative)
  const node = wanted.get(relative)
  const file = path.join(root, relative)
  if (node === undefined) return
  if (there?.kind === 'directory' && node.kind === 'directory') {
    if (!(await isSameNode(there, node))) await changes.adjust(file, node.attributes)
    for (const name of inOrder(childNames(wanted, relative), HOSTS_FILE)) {
      await putEntry({ changes, scratch }, { root, relative: path.join(relative, name) }, options)
    }
    return
  }
  if (there !== undefined && (await isSameNode(there, node))) return
  const staged = await scratch.place()
  await makeEntry(changes, { tree: wanted, relative, file: staged }, options)
  const isReplaceable = there === undefined || (there.kind !== 'directory' && node.kind !== 'directory')
  if (!isReplaceable) await scratch.takeAway(file)
  await changes.rename(staged, file)
}

function inOrder(names: readonly string[], last: string): readonly string[] {
  return [...names.filter(name => name !== last), ...names.filter(name => name === last)]
}
