import { execFile, spawnSync } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { temporaryDirectory } from '../temporary-directory.ts'

const SOURCE = path.join(import.meta.dirname, 'go')
const run = promisify(execFile)

/** For a test's `skip`: the reason where Go is not installed. */
export function unlessGo(): string | false {
  return spawnSync('go', ['version']).status === 0 ? false : 'go is not installed'
}

/** Builds the Go node; the file is gone once this is disposed of. The first build on a machine fetches its modules. */
export async function buildGoNode(): Promise<{ readonly path: string } & AsyncDisposable> {
  const directory = await temporaryDirectory()
  try {
    const program = path.join(directory.path, 'go-node')
    await run('go', ['build', '-o', program, '.'], { cwd: SOURCE })
    return { path: program, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() }
  } catch (error) {
    await directory[Symbol.asyncDispose]()
    throw error
  }
}
