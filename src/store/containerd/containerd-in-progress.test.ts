import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { chmod, readdir, readFile, readlink, rename, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, test } from 'node:test'
import { ageIngests, ContainerdContent } from '../../../test/contracts/containerd-content.ts'
import { type InProgressFixture, inProgressContract } from '../../../test/contracts/in-progress-contract.ts'
import { patience, readAll } from '../../../test/contracts/store-contract.ts'
import { MemoryLog } from '../../../test/fakes/memory-log.ts'
import { temporaryDirectory } from '../../../test/temporary-directory.ts'
import { until } from '../../../test/until.ts'
import { digestOf } from '../../oci/digest.ts'
import { compileFilters } from '../../oci/registry-filter.ts'
import { createOciLayout } from '../oci-layout/oci-layout.ts'
import { ContainerdInProgress } from './containerd-in-progress.ts'

const STALL_TIMEOUT_MS = 60_000
const FALLBACK_MS = 10
const filter = compileFilters({ mirroredRegistries: [], registryFilters: [] })
const content = Buffer.alloc(10_000, 'arriving ')
const digest = digestOf(content)

/** A content directory and the downloads in it. The clock of waits stands still but for `stall`. */
async function contentDirectory() {
  const directory = await temporaryDirectory()
  const content = await ContainerdContent.create(directory.path)
  let nowMs = 0
  const inProgress = new ContainerdInProgress(
    { contentDirectory: directory.path, namespace: 'k8s.io' },
    { stallTimeoutMs: STALL_TIMEOUT_MS, fallbackIntervalMs: FALLBACK_MS, now: () => nowMs },
  )
  return {
    content,
    inProgress,
    find: () => inProgress.find(digest, { signal: patience() }),
    stall: () => {
      nowMs += STALL_TIMEOUT_MS
      ageIngests(directory.path, STALL_TIMEOUT_MS)
    },
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  }
}

inProgressContract('ContainerdInProgress', async (): Promise<InProgressFixture> => {
  const { content, ...at } = await contentDirectory()
  return {
    ...at,
    store: createOciLayout({ roots: [content.root], filter, log: new MemoryLog() }).store,
    put: bytes => content.put(bytes),
    remove: digest => content.remove(digest),
    tag: async () => {},
    untag: async () => {},
    begin: (digest, size) => content.begin(digest, size),
  }
})

const unlessProc = existsSync('/proc/self/fdinfo') ? false : 'this system does not tell what is open'

describe('a download that containerd stages', () => {
  test('is not found where another namespace pulls it', async () => {
    await using at = await contentDirectory()
    for (const namespace of ['default', 'k8s.io.other', 'k8s'])
      await at.content.begin(digest, content.length, namespace)
    assert.equal(await at.find(), undefined)
    await at.content.begin(digest, content.length)
    assert.equal((await at.find())?.size, content.length)
  })

  test('is found although a killed client left another of the same behind', async () => {
    await using at = await contentDirectory()
    const frozen = await at.content.begin(digest, content.length)
    await frozen.append(content)
    at.stall()
    assert.equal(await at.find(), undefined)
    const live = await at.content.begin(digest, content.length)
    await live.append(content.subarray(0, 100))
    const found = await at.find()
    assert.ok(found !== undefined)
    assert.equal((await readAll(found)).length, 100)
    await found.close()
  })

  test('is found once it is written down in full, if that takes only moments', async () => {
    for (const late of ['ref', 'total', 'data']) {
      await using at = await contentDirectory()
      const download = await at.content.begin(digest, content.length)
      const file = download.file(late)
      await rename(file, `${file}.late`)
      const search = at.find()
      // The search has looked once by then: it takes fewer steps.
      for (let step = 0; step < 20; step += 1) await stat(at.content.root)
      await rename(`${file}.late`, file)
      const found = await search
      assert.equal(found?.size, content.length, `without ${late} at first`)
      await found?.close()
    }
  })

  test('is not waited for without end where its size never comes', async () => {
    await using at = await contentDirectory()
    const download = await at.content.begin(digest, content.length)
    await rm(download.file('total'))
    assert.equal(await at.find(), undefined)
  })

  test('is found without looking at those that were there before', async () => {
    await using at = await contentDirectory()
    const others = [1, 2, 3].map(number => digestOf(Buffer.from(`layer ${number}`)))
    for (const other of others) await at.content.begin(other, 1000)
    assert.equal(await at.find(), undefined)
    for (const name of await readdir(path.join(at.content.root, 'ingest'))) {
      await writeFile(path.join(at.content.root, 'ingest', name, 'ref'), `k8s.io/1/layer-${digest}`)
    }
    assert.equal(await at.find(), undefined)
    await at.content.begin(digest, content.length)
    const found = await at.find()
    assert.equal(found?.size, content.length)
    await found?.close()
  })

  test('is followed by any number of readers through one open file, and one watch once they wait, and none is left behind', {
    skip: unlessProc,
  }, async () => {
    await using at = await contentDirectory()
    await at.content.begin(digest, content.length)
    at.stall()
    await at.content.begin(digest, content.length)
    const download = await at.content.begin(digest, content.length)
    await download.append(content.subarray(0, 100))
    const warm = await at.find()
    await warm?.close()
    const before = await openFiles()
    const readers = await Promise.all(Array.from({ length: 50 }, at.find))
    assert.ok(readers.every(reader => reader !== undefined))
    const found = await openFiles()
    assert.equal(found.watches, before.watches)
    const waits = readers.map(reader => reader?.waitPast(content.length, { signal: patience() }))
    const within = await openFiles()
    assert.equal(within.staged - before.staged, 1)
    assert.equal(within.watches - before.watches, 1)
    await download.append(content.subarray(100))
    await download.commit()
    assert.deepEqual(new Set(await Promise.all(waits)), new Set(['committed']))
    await Promise.all(readers.map(reader => reader?.close()))
    await until(async () => {
      const { staged, watches } = await openFiles()
      return staged === before.staged && watches === before.watches
    })
  })

  test('leaves nothing open where only its size is asked for', { skip: unlessProc }, async () => {
    await using at = await contentDirectory()
    await at.content.begin(digest, content.length)
    const { staged } = await openFiles()
    assert.equal(await at.inProgress.sizeOf(digest, { signal: patience() }), content.length)
    assert.equal((await openFiles()).staged, staged)
  })

  test('leaves nothing open where it is aborted or replaced while it is followed', { skip: unlessProc }, async () => {
    await using at = await contentDirectory()
    const before = await openFiles()
    for (let pull = 0; pull < 20; pull += 1) {
      const download = await at.content.begin(digest, content.length)
      const reader = await at.find()
      assert.ok(reader !== undefined)
      const waited = reader.waitPast(0, { signal: patience() })
      await download.abort()
      assert.equal(await waited, 'aborted')
      await reader.close()
    }
    const { staged, watches } = await openFiles()
    assert.deepEqual([staged, watches], [before.staged, before.watches])
  })
})

describe('a content directory', () => {
  const isRoot = process.getuid?.() === 0
  test('that can’t be read has nothing in progress', { skip: isRoot && 'root can read everything' }, async () => {
    await using at = await contentDirectory()
    await at.content.begin(digest, content.length)
    await chmod(path.join(at.content.root, 'ingest'), 0)
    assert.equal(await at.find(), undefined)
    await chmod(path.join(at.content.root, 'ingest'), 0o700)
    assert.equal((await at.find())?.size, content.length)
  })

  test('that is missing has nothing in progress, and is looked at when it comes', async () => {
    await using at = await contentDirectory()
    const ingest = path.join(at.content.root, 'ingest')
    await rename(ingest, `${ingest}.gone`)
    assert.equal(await at.find(), undefined)
    await rename(`${ingest}.gone`, ingest)
    await at.content.begin(digest, content.length)
    const found = await at.find()
    assert.equal(found?.size, content.length)
    await found?.close()
  })
})

/** How many files of content this process has open, and how many inotify watches. */
async function openFiles(): Promise<{ readonly staged: number; readonly watches: number }> {
  let staged = 0
  let watches = 0
  for (const fd of await readdir('/proc/self/fd')) {
    const target = await readlink(`/proc/self/fd/${fd}`).catch(() => '')
    if (/\/(?:ingest|blobs)\//.test(target)) staged += 1
    if (target !== 'anon_inode:inotify') continue
    const info = await readFile(`/proc/self/fdinfo/${fd}`, 'latin1')
    watches += info.split('\n').filter(line => line.startsWith('inotify ')).length
  }
  return { staged, watches }
}
