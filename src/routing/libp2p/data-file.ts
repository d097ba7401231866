import { randomUUID } from 'node:crypto'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import path from 'node:path'

/**
 * The content of a file of the data directory, undefined where there is none.
 * @throws where it can't be read or is longer than `maxBytes`
 */
export async function readDataFile(file: string, maxBytes: number): Promise<Buffer | undefined> {
  try {
    await using handle = await open(file)
    const buffer = Buffer.alloc(maxBytes + 1)
    const { bytesRead } = await handle.read(buffer)
    if (bytesRead > maxBytes) throw new RangeError(`longer than ${maxBytes} bytes`)
    return buffer.subarray(0, bytesRead)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Writes a file that only its owner may read, and its directory where there is none. Whoever reads it sees what was there
 * or all of `content`, even after a power failure.
 */
export async function writeDataFile(file: string, content: string): Promise<void> {
  const directory = path.dirname(file)
  await mkdir(directory, { recursive: true })
  const temporary = `${file}.${randomUUID()}.tmp`
  try {
    {
      await using handle = await open(temporary, 'wx', 0o600)
      await handle.writeFile(content)
      await handle.sync()
    }
    await rename(temporary, file)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await using handle = await open(directory)
  await handle.sync()
}
