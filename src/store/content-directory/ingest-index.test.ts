import assert from 'node:assert/strict'
import { renameSync } from 'node:fs'
import { rm, utimes, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, test } from 'node:test'
import { ContainerdContent } from '../../../test/contracts/containerd-content.ts'
import { ManualClock } from '../../../test/fakes/manual-clock.ts'
import { temporaryDirectory } from '../../../test/temporary-directory.ts'
import { digestOf } from '../../oci/digest.ts'
import { type IndexedIngests, IngestIndex } from './ingest-index.ts'

const digest = digestOf(Buffer.from('layer'))
const other = digestOf(Buffer.from('another layer'))
const HOUR_S = 3600

async function setUp() {
  const directory = await temporaryDirectory()
  const content = await ContainerdContent.create(directory.path)
  const ingest = path.join(content.root, 'ingest')
  const clock = new ManualClock()
  return {
    content,
    clock,
    index: new IngestIndex(content.root, { isOurs: () => true, now: clock.now }),
    /** Makes the directory look as if it had changed then. */
    setTime: (seconds: number) => utimes(ingest, seconds, seconds),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  }
}

describe('IngestIndex', () => {
  test('finds all downloads of one digest and forgets those that are gone', async () => {
    await using at = await setUp()
    const downloads = [await at.content.begin(digest, 1), await at.content.begin(digest, 1)]
    await at.content.begin(other, 1)
    assert.equal((await at.index.find(digest)).directories.length, 2)
    await downloads[0]?.abort()
    const { directories } = await at.index.find(digest)
    assert.deepEqual(directories, [path.relative(at.content.root, path.dirname(downloads[1]?.file('ref') ?? ''))])
  })

  test('does not list a directory whose time says that it has long been as it is', async () => {
    await using at = await setUp()
    const past = Math.floor(Date.now() / 1000) - HOUR_S
    await at.setTime(past)
    assert.deepEqual((await at.index.find(digest)).directories, [])
    await at.content.begin(digest, 1)
    await at.setTime(past)
    assert.deepEqual((await at.index.find(digest)).directories, [])
    await at.setTime(past + 1)
    assert.equal((await at.index.find(digest)).directories.length, 1)
  })

  test('does not trust a time that more may have happened at, or that is yet to come', async () => {
    await using at = await setUp()
    const future = Math.floor(Date.now() / 1000) + HOUR_S
    await at.setTime(future)
    assert.deepEqual((await at.index.find(digest)).directories, [])
    await at.content.begin(digest, 1)
    await at.setTime(future)
    assert.equal((await at.index.find(digest)).directories.length, 1)
  })

  test('finds what came while it was being brought up to date for another', async () => {
    await using at = await setUp()
    const download = await at.content.begin(digest, 1)
    const staged = path.dirname(download.file('ref'))
    const elsewhere = path.join(at.content.root, 'late')
    renameSync(staged, elsewhere)
    await at.content.begin(other, 1)
    let second: Promise<IndexedIngests> | undefined
    const index = new IngestIndex(at.content.root, {
      // Called in the middle of it: the directory is listed by then.
      isOurs: () => {
        if (second === undefined) {
          renameSync(elsewhere, staged)
          second = index.find(digest)
        }
        return true
      },
      now: at.clock.now,
    })
    assert.equal((await index.find(other)).directories.length, 1)
    assert.equal((await second)?.directories.length, 1)
  })

  test('says that a download has only just appeared until 250 ms later, and reads a late ref until then', async () => {
    await using at = await setUp()
    const download = await at.content.begin(digest, 1)
    await rm(download.file('ref'))
    assert.deepEqual(await at.index.find(digest), { directories: [], isSettling: true })
    at.clock.advance(249)
    await writeFile(download.file('ref'), `k8s.io/1/layer-${digest}`)
    const { directories, isSettling } = await at.index.find(digest)
    assert.deepEqual([directories.length, isSettling], [1, true])
    at.clock.advance(1)
    assert.equal((await at.index.find(digest)).isSettling, false)
  })

  test('does not read again what had no ref for 250 ms', async () => {
    await using at = await setUp()
    const download = await at.content.begin(digest, 1)
    await rm(download.file('ref'))
    await at.index.find(digest)
    at.clock.advance(250)
    assert.deepEqual(await at.index.find(digest), { directories: [], isSettling: false })
    await writeFile(download.file('ref'), `k8s.io/1/layer-${digest}`)
    assert.deepEqual((await at.index.find(digest)).directories, [])
  })
})
