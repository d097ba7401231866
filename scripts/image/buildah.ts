import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'

/** Only what was built here is ever read. */
const POLICY = { default: [{ type: 'insecureAcceptAnything' }] }

/** Runs `buildah` on a storage of its own in `directory`, which holds all it leaves behind. Resolves to its output. */
export async function openBuildah(directory: string): Promise<(args: readonly string[]) => Promise<string>> {
  await mkdir(directory, { recursive: true })
  const policy = path.join(directory, 'policy.json')
  await writeFile(policy, JSON.stringify(POLICY))
  // The one driver that works on any file system, in a container too.
  const storage = ['--root', path.join(directory, 'root'), '--runroot', path.join(directory, 'run')]
  const own = ['--storage-driver', 'vfs', ...storage]
  return async ([command = '', ...args]) => {
    const all = [...own, command, '--signature-policy', policy, ...args]
    return (await promisify(execFile)('buildah', all, { maxBuffer: 2 ** 26 })).stdout
  }
}
