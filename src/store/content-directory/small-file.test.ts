import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdir, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { temporaryDirectory } from '../../../test/temporary-directory.ts'
import { readSmallFile } from './small-file.ts'

test('a small file is read whole, and leaves no trace of that', async () => {
  await using directory = await temporaryDirectory()
  const file = path.join(directory.path, 'ref')
  await writeFile(file, 'k8s.io/1/layer')
  await utimes(file, 1, 2)
  assert.equal(readSmallFile(file, 14), 'k8s.io/1/layer')
  if (process.platform === 'linux') assert.equal((await stat(file)).atimeMs, 1000)
})

test('what is missing, too large or no regular file is as good as empty', async () => {
  await using directory = await temporaryDirectory()
  const at = (name: string): string => path.join(directory.path, name)
  await writeFile(at('large'), 'k8s.io/1/layer')
  await symlink('large', at('link'))
  await mkdir(at('directory'))
  const hasPipe = spawnSync('mkfifo', [at('pipe')]).status === 0
  assert.equal(readSmallFile(at('large'), 13), '')
  for (const name of ['missing', 'link', 'directory', ...(hasPipe ? ['pipe'] : [])]) {
    assert.equal(readSmallFile(at(name), 1024), '', name)
  }
})
