import { access, constants, stat } from 'node:fs/promises'
import path from 'node:path'

/** Why content can't be read in `directory`; undefined where it can. */
export async function troubleWith(directory: string): Promise<string | undefined> {
  for (const place of [directory, path.join(directory, 'blobs')]) {
    try {
      await access(place, constants.R_OK | constants.X_OK)
    } catch (error) {
      const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined
      // containerd makes the second with the first content.
      if (code === 'ENOENT' && place !== directory) continue
      return code === 'ENOENT' ? 'does not exist' : 'cannot be read'
    }
  }
  return undefined
}

/** Whether two paths lead to one place; undefined where either can't be seen from here. */
export async function isSamePlace(one: string, other: string): Promise<boolean | undefined> {
  try {
    const [a, b] = await Promise.all([stat(one, { bigint: true }), stat(other, { bigint: true })])
    return a.dev === b.dev && a.ino === b.ino
  } catch {
    return undefined
  }
}
