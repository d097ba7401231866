import { constants } from 'node:fs'
import { open } from 'node:fs/promises'

/**
 * The content of a regular file, undefined where nothing is there. What is no file, such as a pipe that nobody writes to,
 * is not waited for.
 * @throws where it can't be read, is no regular file or is longer than `maxBytes`
 */
export async function readBoundedFile(file: string, maxBytes: number): Promise<Buffer | undefined> {
  try {
    await using handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK)
    if (!(await handle.stat()).isFile()) throw new TypeError('not a regular file')
    const buffer = Buffer.alloc(maxBytes + 1)
    const { bytesRead } = await handle.read(buffer)
    if (bytesRead > maxBytes) throw new RangeError(`longer than ${maxBytes} bytes`)
    return buffer.subarray(0, bytesRead)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}
