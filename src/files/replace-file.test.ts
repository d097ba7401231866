import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { temporaryDirectory } from '../../test/temporary-directory.ts'
import { replaceFile, replacePrivateFile } from './replace-file.ts'

test('a file is replaced whole, by another file', async () => {
  await using directory = await temporaryDirectory()
  const file = path.join(directory.path, 'a')
  await writeFile(file, 'old and longer')
  const old = await stat(file)
  await replaceFile(file, 'new')
  assert.equal(await readFile(file, 'utf8'), 'new')
  assert.notEqual((await stat(file)).ino, old.ino)
  assert.deepEqual(await readdir(directory.path), ['a'])
})

test('a file that can’t be replaced stays, and nothing is left beside it', async () => {
  await using directory = await temporaryDirectory()
  await mkdir(path.join(directory.path, 'a'))
  await assert.rejects(replaceFile(path.join(directory.path, 'a'), 'new'), { code: 'EISDIR' })
  assert.deepEqual(await readdir(directory.path), ['a'])
})

test('a private file is for its owner, and gets its directory', async () => {
  await using directory = await temporaryDirectory()
  const file = path.join(directory.path, 'b', 'c', 'a')
  await replacePrivateFile(file, 'secret')
  assert.equal(await readFile(file, 'utf8'), 'secret')
  assert.equal((await stat(file)).mode & 0o777, 0o600)
})
