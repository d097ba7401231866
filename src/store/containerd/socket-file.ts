import { readFile, realpath, stat } from 'node:fs/promises'

/** Lists the mounts that this process sees. */
const MOUNTS = '/proc/self/mountinfo'
/** Position of the path in a line of it. */
const MOUNT_POINT_FIELD = 4

/** Whether what is at `path` is there, but no socket. False where that can't be told. */
export async function isNoSocket(path: string): Promise<boolean> {
  try {
    return !(await stat(path)).isSocket()
  } catch {
    return false
  }
}

/**
 * Whether `path` is a mount of its own, as a socket is that was given to a pod as a file and not in its directory. True
 * where that can't be told.
 */
export async function isMountPoint(path: string): Promise<boolean> {
  try {
    const [mounts, real] = await Promise.all([readFile(MOUNTS, 'utf8'), realpath(path)])
    return mountPoints(mounts).includes(real)
  } catch {
    return true
  }
}

/** @see https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html */
function mountPoints(mounts: string): readonly string[] {
  return mounts.split('\n').flatMap(line => {
    const field = line.split(' ')[MOUNT_POINT_FIELD]
    // Spaces and the like are written as octal numbers.
    return field?.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))) ?? []
  })
}
