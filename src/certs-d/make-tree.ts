import { readFile } from 'node:fs/promises'
import path from 'node:path'
import type { FileChanges } from './file-changes.ts'
import { MAX_COMPARED_BYTES } from './same-node.ts'
import type { Tree, TreeNode } from './tree.ts'

export interface MakeOptions {
  /** Files get a second name, not a copy: nothing to write where a disk is full, and nothing about them changes. */
  readonly share?: boolean
  readonly signal: AbortSignal
}

/** Makes what `tree` has at `relative`, with all that is in it, at `file`, where nothing is. */
export async function makeEntry(
  changes: FileChanges,
  { tree, relative, file }: { readonly tree: Tree; readonly relative: string; readonly file: string },
  options: MakeOptions,
): Promise<void> {
  options.signal.throwIfAborted()
  const node = tree.get(relative)
  if (node === undefined) return
  if (node.kind !== 'directory') return await makeFile(changes, { node, file }, options)
  await changes.create(file, { kind: 'directory', attributes: { mode: 0o700 } })
  for (const name of childNames(tree, relative)) {
    await makeEntry(changes, { tree, relative: path.join(relative, name), file: path.join(file, name) }, options)
  }
  await changes.adjust(file, node.attributes)
}

/** The names right below `relative`; the root is ''. */
export function childNames(tree: Tree, relative: string): readonly string[] {
  const prefix = relative === '' ? '' : `${relative}${path.sep}`
  const below = [...tree.keys()].filter(each => each.startsWith(prefix)).map(each => each.slice(prefix.length))
  return below.filter(name => name !== '' && !name.includes(path.sep))
}

async function makeFile(
  changes: FileChanges,
  { node, file }: { readonly node: Exclude<TreeNode, { kind: 'directory' }>; readonly file: string },
  { share = false }: MakeOptions,
): Promise<void> {
  switch (node.kind) {
    case 'symlink':
      return await changes.create(file, node)
    case 'text':
      return await changes.create(file, { kind: 'file', content: node.content, attributes: node.attributes })
    case 'special':
      return await changes.create(file, { kind: 'link', of: node.path })
    case 'file':
      if (share || node.size > MAX_COMPARED_BYTES) return await changes.create(file, { kind: 'link', of: node.path })
      return await changes.create(file, {
        kind: 'file',
        content: await readFile(node.path),
        attributes: node.attributes,
      })
  }
}
