import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { temporaryDirectory } from '../../test/temporary-directory.ts'
import { readBoundedFile } from './read-bounded-file.ts'

test('a file is read up to its bound', async () => {
  await using directory = await temporaryDirectory()
  const file = path.join(directory.path, 'a')
  await writeFile(file, '12345')
  assert.equal((await readBoundedFile(file, 5))?.toString(), '12345')
  await assert.rejects(readBoundedFile(file, 4), RangeError)
})

test('what is not there is undefined', async () => {
  await using directory = await temporaryDirectory()
  assert.equal(await readBoundedFile(path.join(directory.path, 'none'), 1), undefined)
})

test('a pipe without a writer and a directory are errors at once', async () => {
  await using directory = await temporaryDirectory()
  const pipe = path.join(directory.path, 'pipe')
  execFileSync('mkfifo', [pipe])
  await assert.rejects(readBoundedFile(pipe, 1), TypeError)
  await assert.rejects(readBoundedFile(directory.path, 1), TypeError)
})
