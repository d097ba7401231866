import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { MemoryLog } from '../../../test/fakes/memory-log.ts'
import { temporaryDirectory } from '../../../test/temporary-directory.ts'
import { digestOf } from '../../oci/digest.ts'
import { OCI_MANIFEST } from '../../oci/media-type.ts'
import { IndexFile } from './index-file.ts'

function index(...contents: readonly string[]): string {
  const manifests = contents.map(text => ({ mediaType: OCI_MANIFEST, digest: digestOf(Buffer.from(text)), size: 1 }))
  return JSON.stringify({ schemaVersion: 2, manifests })
}

test('an index that becomes unreadable leaves the last good one in force, and is logged once', async () => {
  await using directory = await temporaryDirectory()
  const log = new MemoryLog()
  const file = new IndexFile(directory.path, log)
  const onDisk = path.join(directory.path, 'index.json')
  assert.deepEqual(await file.read(), [])
  await writeFile(onDisk, index('a', 'b'))
  assert.equal((await file.read()).length, 2)
  for (const broken of ['{"manifests":[', '[]', '{"manifests":{}}', ' '.repeat(5 * 1024 * 1024)]) {
    log.lines.length = 0
    await writeFile(onDisk, broken)
    assert.equal((await file.read()).length, 2)
    assert.equal((await file.read()).length, 2)
    assert.deepEqual(
      log.lines.map(({ level, fields }) => [level, fields['layout']]),
      [['warn', directory.path]],
    )
  }
  await writeFile(onDisk, index('c'))
  assert.equal((await file.read()).length, 1)
  await rm(onDisk)
  assert.deepEqual(await file.read(), [])
})

test('a missing index is logged once each time it goes missing', async () => {
  await using directory = await temporaryDirectory()
  const log = new MemoryLog()
  const file = new IndexFile(path.join(directory.path, 'mistyped'), log)
  for (let read = 0; read < 3; read++) await file.read()
  assert.deepEqual(
    log.lines.map(({ level, fields }) => [level, fields['layout']]),
    [['warn', path.join(directory.path, 'mistyped')]],
  )
})

test('calls at the same time all see the same file', async () => {
  await using directory = await temporaryDirectory()
  const file = new IndexFile(directory.path, new MemoryLog())
  await writeFile(path.join(directory.path, 'index.json'), index('a'))
  const reads = await Promise.all(Array.from({ length: 8 }, () => file.read()))
  assert.deepEqual(
    reads.map(images => images.length),
    Array.from({ length: 8 }, () => 1),
  )
})
