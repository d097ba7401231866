import { access, constants, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

const IN_MEMORY = '/dev/shm'

/** As `temporaryDirectory`, in memory where the system has room for files there: tests that synchronise thousands of them. */
export async function memoryDirectory(): Promise<{ readonly path: string } & AsyncDisposable> {
  const parent = await access(IN_MEMORY, constants.W_OK).then(
    () => IN_MEMORY,
    () => tmpdir(),
  )
  const directory = await mkdtemp(path.join(parent, 'spegel-'))
  return { path: directory, [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }) }
}
