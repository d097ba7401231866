import { lstat } from 'node:fs/promises'
import path from 'node:path'
import { ConfigDirectoryError } from './errors.ts'
import type { FileChanges } from './file-changes.ts'
import { SCRATCH_DIRECTORY } from './layout.ts'
import { Scratch } from './scratch.ts'

/**
 * Runs `work` on the configuration directory `root` with a scratch directory in it, of which nothing is left: neither of
 * this run nor of one that was killed.
 * @throws {ConfigDirectoryError} where the system refuses a change
 */
export async function withScratch<T>(
  changes: FileChanges,
  root: string,
  work: (scratch: Scratch) => Promise<T>,
): Promise<T> {
  const directory = path.join(root, SCRATCH_DIRECTORY)
  try {
    if (await isThere(directory)) await changes.remove(directory)
    const scratch = new Scratch(changes, directory)
    const result = await work(scratch)
    await scratch.clear()
    return result
  } catch (error) {
    // A full disk needs the room; where even that fails, the next run does it.
    await changes.remove(directory).catch(() => {})
    if (isSystemError(error)) throw new ConfigDirectoryError(root, error)
    throw error
  }
}

async function isThere(file: string): Promise<boolean> {
  try {
    await lstat(file)
    return true
  } catch (error) {
    if (isSystemError(error) && error.code === 'ENOENT') return false
    throw error
  }
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'errno' in error && 'syscall' in error
}
