import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { temporaryDirectory } from '../../../test/temporary-directory.ts'
import { digestOf } from '../../oci/digest.ts'
import { blobDirectory, blobFileSize, blobPath, listInside, openBlob, readInside } from './content-files.ts'
import { ContentFileError } from './errors.ts'

const content = Buffer.from('content')
const digest = digestOf(content)

async function layout() {
  const directory = await temporaryDirectory()
  const root = path.join(directory.path, 'layout')
  await mkdir(path.join(root, blobDirectory('sha256')), { recursive: true })
  await writeFile(path.join(directory.path, 'secret'), content)
  return {
    root,
    outside: directory.path,
    blob: path.join(root, blobPath(digest)),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  }
}

async function isHeld(root: string): Promise<boolean> {
  const opened = await openBlob(root, digest)
  await opened?.handle.close()
  return opened !== undefined
}

test('a regular file is opened, also through a symbolic link to the layout itself', async () => {
  await using at = await layout()
  assert.equal(await isHeld(at.root), false)
  await writeFile(at.blob, content)
  await symlink(at.root, path.join(at.outside, 'link'))
  assert.equal(await isHeld(at.root), true)
  assert.equal(await isHeld(path.join(at.outside, 'link')), true)
})

test('a blob that is a symbolic link is not held, wherever it leads', async () => {
  for (const target of ['../../../secret', 'other', 'nowhere', path.basename(blobPath(digest))]) {
    await using at = await layout()
    await writeFile(path.join(path.dirname(at.blob), 'other'), content)
    await symlink(target, at.blob)
    assert.equal(await isHeld(at.root), false, target)
  }
})

test('a size is known of a regular file alone, and no longer than that is there', async () => {
  await using at = await layout()
  assert.equal(await blobFileSize(at.root, digest), undefined)
  await writeFile(at.blob, content)
  assert.equal(await blobFileSize(at.root, digest), content.length)
  await rm(at.blob)
  assert.equal(await blobFileSize(at.root, digest), undefined)
  await symlink('../../../secret', at.blob)
  assert.equal(await blobFileSize(at.root, digest), undefined)
  await rm(at.blob)
  await mkdir(at.blob)
  assert.equal(await blobFileSize(at.root, digest), undefined)
})

test('directories that are symbolic links hold nothing', async () => {
  for (const linked of ['blobs', 'blobs/sha256']) {
    await using at = await layout()
    await writeFile(at.blob, content)
    await rename(path.join(at.root, linked), path.join(at.outside, 'moved'))
    await symlink(path.join(at.outside, 'moved'), path.join(at.root, linked))
    assert.equal(await isHeld(at.root), false, linked)
    assert.deepEqual(await Array.fromAsync(listInside(at.root, blobDirectory('sha256'))), [], linked)
  }
})

test('a directory or a named pipe in place of a blob is not held, and does not block', async () => {
  await using at = await layout()
  await mkdir(at.blob)
  assert.equal(await isHeld(at.root), false)
  await using other = await layout()
  await promisify(execFile)('mkfifo', [other.blob])
  assert.equal(await isHeld(other.root), false)
})

test('a layout that does not exist, or is a file, holds nothing', async () => {
  await using at = await layout()
  for (const root of ['nowhere', 'secret']) {
    assert.equal(await isHeld(path.join(at.outside, root)), false)
    assert.deepEqual(await Array.fromAsync(listInside(path.join(at.outside, root), 'ingest')), [])
  }
})

test('a file over the limit is refused, one at the limit is read', async () => {
  await using at = await layout()
  await writeFile(path.join(at.root, 'file'), content)
  assert.deepEqual(await readInside(at.root, 'file', content.length), content)
  await assert.rejects(readInside(at.root, 'file', content.length - 1), ContentFileError)
})
