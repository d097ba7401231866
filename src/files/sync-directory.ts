import { open } from 'node:fs/promises'

/** Makes what was created, renamed and removed in `directory` survive a power failure. */
export async function syncDirectory(directory: string): Promise<void> {
  await using handle = await open(directory)
  await handle.sync()
}
