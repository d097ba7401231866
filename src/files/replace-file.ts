import { randomUUID } from 'node:crypto'
import { mkdir, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { createFile } from './create-file.ts'
import { syncDirectory } from './sync-directory.ts'

const FOR_EVERYONE = 0o666
const FOR_OWNER = 0o600

/** Writes a whole file so that readers see either what was there or all of `content`, even after a power failure. */
export async function replaceFile(file: string, content: string, mode = FOR_EVERYONE): Promise<void> {
  const temporary = `${file}.${randomUUID()}.tmp`
  try {
    await createFile(temporary, content, mode)
    await rename(temporary, file)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncDirectory(path.dirname(file))
}

/** As {@link replaceFile}, for a file that only its owner may read; makes its directory where there is none. */
export async function replacePrivateFile(file: string, content: string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true })
  await replaceFile(file, content, FOR_OWNER)
}
