import { lstat, readFile } from 'node:fs/promises'
import type { Attributes } from './file-changes.ts'
import type { TreeNode } from './tree.ts'

type FileNode = Extract<TreeNode, { kind: 'file' }>

/** Files up to this size are copied and compared by content; configuration and certificates are far smaller. */
export const MAX_COMPARED_BYTES = 1024 * 1024

/**
 * Whether `current` is already what `wanted` describes: content, permissions and owner. When it was written does not
 * matter, except for files that are too large to compare.
 */
export async function isSameNode(current: TreeNode, wanted: TreeNode): Promise<boolean> {
  if (wanted.kind === 'directory') {
    return current.kind === 'directory' && hasSameAttributes(current.attributes, wanted.attributes)
  }
  if (wanted.kind === 'symlink') return current.kind === 'symlink' && current.target === wanted.target
  if (wanted.kind === 'special') return current.kind === 'special' && (await isSameInode(current.path, wanted.path))
  if (current.kind !== 'file') return false
  return wanted.kind === 'text' ? await isSameText(current, wanted) : await isSameFile(current, wanted)
}

async function isSameText(current: FileNode, wanted: Extract<TreeNode, { kind: 'text' }>): Promise<boolean> {
  if (current.size !== Buffer.byteLength(wanted.content)) return false
  if (!hasSameAttributes(current.attributes, wanted.attributes)) return false
  return (await readFile(current.path, 'utf8')) === wanted.content
}

async function isSameFile(current: FileNode, wanted: FileNode): Promise<boolean> {
  if (await isSameInode(current.path, wanted.path)) return true
  if (current.size !== wanted.size || !hasSameAttributes(current.attributes, wanted.attributes)) return false
  if (wanted.size > MAX_COMPARED_BYTES) return isSameTime(current.attributes, wanted.attributes)
  return (await readFile(current.path)).equals(await readFile(wanted.path))
}

function hasSameAttributes(current: Attributes, { mode, owner = current.owner }: Attributes): boolean {
  return current.mode === mode && current.owner?.uid === owner?.uid && current.owner?.gid === owner?.gid
}

function isSameTime(current: Attributes, wanted: Attributes): boolean {
  return current.modified?.getTime() === wanted.modified?.getTime()
}

async function isSameInode(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([lstat(one, { bigint: true }), lstat(other, { bigint: true })])
  return a.ino === b.ino && a.dev === b.dev
}
