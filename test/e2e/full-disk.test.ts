import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import { test } from 'node:test'
import { configureMirrors } from '../../src/certs-d/configure-mirrors.ts'
import { ConfigDirectoryError } from '../../src/certs-d/errors.ts'
import { durableChanges } from '../../src/certs-d/file-changes.ts'
import { restoreConfiguration } from '../../src/certs-d/restore-configuration.ts'
import { lay, snapshot } from '../certs-d/config-directory.ts'
import { LIVED_IN, options } from '../certs-d/scenarios.ts'
import { MemoryLog } from '../fakes/memory-log.ts'
import { temporaryDirectory } from '../temporary-directory.ts'
import { run } from './program.ts'

const DISK_BYTES = 512 * 1024
const skip = process.getuid?.() !== 0 && 'mounting a small disk takes root'

test('on a full disk configuration changes nothing and says why, and cleanup needs no room', { skip }, async () => {
  await using place = await temporaryDirectory()
  await run('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'small', place.path])
  await using _mounted = { [Symbol.asyncDispose]: async () => void (await run('umount', ['--lazy', place.path])) }
  const root = path.join(place.path, 'certs.d')
  const filler = path.join(place.path, 'filler')
  const fill = () => assert.rejects(writeFile(filler, Buffer.alloc(DISK_BYTES)), { code: 'ENOSPC' })
  const components = { changes: durableChanges(), log: new MemoryLog() }
  const { signal } = new AbortController()
  const configure = () => configureMirrors(components, { ...options(['_default']), directory: root, signal })
  await lay(root, LIVED_IN)
  const before = await snapshot(root)

  await fill()
  await assert.rejects(
    configure(),
    (error: unknown) => error instanceof ConfigDirectoryError && error.message.includes('no space left on device'),
  )
  assert.deepEqual(await snapshot(root), before)

  await rm(filler)
  await configure()
  await fill()
  await restoreConfiguration(components, { directory: root, signal })
  assert.deepEqual(await snapshot(root), before)
})
