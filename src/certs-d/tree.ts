import { lstat, readdir, readlink } from 'node:fs/promises'
import path from 'node:path'
import { UnfitDirectoryError } from './errors.ts'
import { type Attributes, attributesOf } from './file-changes.ts'

/** A configuration directory has some tens of entries. One with more than this is another directory. */
const MAX_ENTRIES = 10_000
const MAX_DEPTH = 16
/** Stands in a name for what is no UTF-8; such a file can't be named. */
const REPLACEMENT = '\uFFFD'

/** An entry of a directory. */
export type TreeNode =
  | { readonly kind: 'directory'; readonly attributes: Attributes }
  | { readonly kind: 'file'; readonly attributes: Attributes; readonly path: string; readonly size: number }
  /** A file that is still to be written. */
  | { readonly kind: 'text'; readonly attributes: Attributes; readonly content: string }
  | { readonly kind: 'symlink'; readonly attributes: Attributes; readonly target: string }
  /** A pipe, socket or device. */
  | { readonly kind: 'special'; readonly path: string }

/** Path below a directory → what is there; directories before what is in them. */
export type Tree = ReadonlyMap<string, TreeNode>

/** Where a directory is read from, and what of it is not. */
export interface ScanOptions {
  /** Names right below the directory that are passed over. */
  readonly except: ReadonlySet<string>
  readonly signal: AbortSignal
}

/**
 * All that is below `directory`; undefined where there is no such directory. Symbolic links are not followed.
 * @throws {UnfitDirectoryError} where it is no directory, or holds more than any configuration does
 */
export async function scanTree(directory: string, { except, signal }: ScanOptions): Promise<Tree | undefined> {
  const tree = new Map<string, TreeNode>()
  const scan = async (below: string): Promise<void> => {
    for (const name of (await readdir(path.join(directory, below))).toSorted()) {
      signal.throwIfAborted()
      if (below === '' && except.has(name)) continue
      const relative = path.join(below, name)
      const node = await readNode(path.join(directory, relative))
      if (node === undefined) {
        if (name.includes(REPLACEMENT)) throw new UnfitDirectoryError(directory, `the name ${relative} is no UTF-8`)
        continue
      }
      tree.set(relative, node)
      if (tree.size > MAX_ENTRIES) throw new UnfitDirectoryError(directory, `it has more than ${MAX_ENTRIES} entries`)
      if (node.kind !== 'directory') continue
      if (relative.split(path.sep).length >= MAX_DEPTH) {
        throw new UnfitDirectoryError(directory, `${relative} is more than ${MAX_DEPTH} directories deep`)
      }
      await scan(relative)
    }
  }
  try {
    await scan('')
  } catch (error) {
    const code = errorCode(error)
    if (code === 'ENOENT' && tree.size === 0) return undefined
    if (code === 'ENOTDIR') throw new UnfitDirectoryError(directory, 'it is no directory')
    throw error
  }
  return tree
}

/** The entry itself, undefined where it has gone since it was listed. */
async function readNode(file: string): Promise<TreeNode | undefined> {
  try {
    const stats = await lstat(file)
    const attributes = attributesOf(stats)
    if (stats.isDirectory()) return { kind: 'directory', attributes }
    if (stats.isFile()) return { kind: 'file', attributes, path: file, size: stats.size }
    if (stats.isSymbolicLink()) return { kind: 'symlink', attributes, target: await readlink(file) }
    return { kind: 'special', path: file }
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

function errorCode(error: unknown): unknown {
  return error instanceof Error ? Reflect.get(error, 'code') : undefined
}
