import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'

/** Without O_NONBLOCK, opening a named pipe would block until someone writes to it. */
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
/** Keeps the file's time of access as it is, whose change may wait for the disk. Allowed to the owner alone. */
const KEEP_TIME = process.platform === 'linux' ? constants.O_NOATIME : 0

/**
 * The content of a small regular file; empty where it is missing, anything else or larger than `maxBytes`. It is read at once,
 * on this thread: for what has mostly just been written, and so is in memory. The way to a thread of the pool and back would
 * take a hundred times as long, three times a file, where the machine is busy. What is not in memory is waited for.
 */
export function readSmallFile(file: string, maxBytes: number): string {
  try {
    const fd = open(file)
    try {
      const stat = fstatSync(fd)
      if (!stat.isFile() || stat.size > maxBytes) return ''
      const content = Buffer.alloc(stat.size)
      return content.toString('latin1', 0, readSync(fd, content, 0, content.length, 0))
    } finally {
      closeSync(fd)
    }
  } catch {
    return ''
  }
}

function open(file: string): number {
  try {
    return openSync(file, OPEN_FLAGS | KEEP_TIME)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EPERM') return openSync(file, OPEN_FLAGS)
    throw error
  }
}
