import { open } from 'node:fs/promises'

/**
 * Creates a file whose content survives a power failure; that it is there does once its directory is synchronised.
 * @param mode permission bits, less those that the process masks
 * @throws where something is there already
 */
export async function createFile(file: string, content: string | Uint8Array, mode: number): Promise<void> {
  await using handle = await open(file, 'wx', mode)
  await handle.writeFile(content)
  await handle.sync()
}
