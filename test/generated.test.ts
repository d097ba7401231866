import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { temporaryDirectory } from './temporary-directory.ts'

const ROOT = path.resolve(import.meta.dirname, '..')
const GENERATED = 'src/store/containerd/generated'

async function contentOf(directory: string): Promise<Readonly<Record<string, string>>> {
  const names = (await readdir(directory)).toSorted()
  const files = names.map(async name => [name, await readFile(path.join(directory, name), 'utf8')] as const)
  return Object.fromEntries(await Promise.all(files))
}

test('what is generated from proto/ is what is checked in', async () => {
  await using directory = await temporaryDirectory()
  const bin = path.join(ROOT, 'node_modules/.bin')
  await promisify(execFile)(path.join(bin, 'buf'), ['generate', '--output', directory.path], {
    cwd: ROOT,
    env: { ...process.env, PATH: `${bin}:${process.env['PATH']}` },
  })
  const [fresh, kept] = await Promise.all([directory.path, ROOT].map(root => contentOf(path.join(root, GENERATED))))
  assert.ok(Object.keys(kept ?? {}).length > 0)
  assert.deepEqual(kept, fresh)
})
