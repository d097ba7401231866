import type { Stats } from 'node:fs'
import {
  chmod,
  chown,
  copyFile,
  lchown,
  link,
  lstat,
  lutimes,
  mkdir,
  open,
  rename,
  rm,
  symlink,
  utimes,
} from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import { createFile } from '../files/create-file.ts'
import { syncDirectory } from '../files/sync-directory.ts'

/** What a file has beside its content. */
export interface Attributes {
  /** Permission bits. */
  readonly mode: number
  /** Default: whoever runs this. */
  readonly owner?: { readonly uid: number; readonly gid: number }
  /** Default: now. */
  readonly modified?: Date
}

const PERMISSIONS = 0o7777

/** The attributes that the file system tells of. */
export function attributesOf({ mode, uid, gid, mtime }: Stats): Attributes {
  return { mode: mode & PERMISSIONS, owner: { uid, gid }, modified: mtime }
}

/** What can be made where nothing is. */
export type Creation =
  | { readonly kind: 'directory'; readonly attributes: Attributes }
  | { readonly kind: 'file'; readonly content: string | Uint8Array; readonly attributes: Attributes }
  | { readonly kind: 'symlink'; readonly target: string; readonly attributes: Attributes }
  /** A second name of a file; a copy where the file system has no such thing. */
  | { readonly kind: 'link'; readonly of: string }

/** The only ways in which the configuration directory is changed. Each is done, for good, when it resolves. */
export interface FileChanges {
  create(file: string, creation: Creation): Promise<void>
  /** Puts a file in the place of another, or anything where nothing is; whoever looks sees one or the other. */
  rename(from: string, to: string): Promise<void>
  adjust(file: string, attributes: Attributes): Promise<void>
  /** Removes a file, or a directory with all that is in it; what is not there is removed already. */
  remove(file: string): Promise<void>
}

/** Changes of real files, each of which survives a power failure. */
export function durableChanges(): FileChanges {
  return {
    async create(file, creation) {
      await create(file, creation)
      await syncDirectory(path.dirname(file))
    },
    async rename(from, to) {
      await rename(from, to)
      for (const directory of new Set([path.dirname(to), path.dirname(from)])) await syncDirectory(directory)
    },
    adjust,
    async remove(file) {
      await rm(file, { recursive: true, force: true })
      await syncDirectory(path.dirname(file))
    },
  }
}

async function create(file: string, creation: Creation): Promise<void> {
  switch (creation.kind) {
    case 'directory':
      await mkdir(file, creation.attributes.mode)
      return await adjust(file, creation.attributes)
    case 'file':
      // Its owner's alone until it has the owner it should have.
      await createFile(file, creation.content, 0o600)
      return await adjust(file, creation.attributes)
    case 'symlink':
      await symlink(creation.target, file)
      return await adjustSymlink(file, creation.attributes)
    case 'link':
      return await linkOrCopy(creation.of, file)
  }
}

async function adjust(file: string, { mode, owner, modified }: Attributes): Promise<void> {
  // A new owner takes away special permissions, so it comes first.
  if (owner !== undefined && !isSelf(owner)) await chown(file, owner.uid, owner.gid)
  await chmod(file, mode)
  if (modified !== undefined) await utimes(file, modified, modified)
}

async function adjustSymlink(file: string, { owner, modified }: Attributes): Promise<void> {
  if (owner !== undefined && !isSelf(owner)) await lchown(file, owner.uid, owner.gid)
  if (modified !== undefined) await lutimes(file, modified, modified)
}

function isSelf({ uid, gid }: { readonly uid: number; readonly gid: number }): boolean {
  return uid === process.geteuid?.() && gid === process.getegid?.()
}

async function linkOrCopy(of: string, file: string): Promise<void> {
  try {
    await link(of, file)
  } catch (error) {
    const stats = await lstat(of)
    // Reading a pipe would wait for somebody to write to it.
    if (!stats.isFile()) throw error
    await copyFile(of, file)
    await adjust(file, attributesOf(stats))
    await using handle = await open(file)
    await handle.sync()
  }
}
