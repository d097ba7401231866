import assert from 'node:assert/strict'
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { LayoutHand } from '../../../test/contracts/layout-hand.ts'
import { patience, readAll } from '../../../test/contracts/store-contract.ts'
import { temporaryDirectory } from '../../../test/temporary-directory.ts'
import { digestOf } from '../../oci/digest.ts'
import { LayoutInProgress } from './layout-in-progress.ts'

const content = Buffer.alloc(10_000, 'arriving ')
const digest = digestOf(content)

/** Two layouts, and a download in the second as containerd would stage it. */
async function staged() {
  const directory = await temporaryDirectory()
  const roots = [path.join(directory.path, 'one'), path.join(directory.path, 'two')]
  const hands = await Promise.all(roots.map(root => LayoutHand.open(root)))
  const ingest = path.join(directory.path, 'two', 'ingest', '0123abcd')
  await mkdir(ingest)
  await writeFile(path.join(ingest, 'ref'), `k8s.io/7/layer-${digest}`)
  await writeFile(path.join(ingest, 'total'), String(content.length))
  await writeFile(path.join(ingest, 'data'), content.subarray(0, 4000))
  return {
    find: () => new LayoutInProgress(roots).find(digest, { signal: patience() }),
    file: (name: string) => path.join(ingest, name),
    outside: directory.path,
    hands,
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  }
}

test('a download is found by the end of its ref, in whichever layout it is', async () => {
  await using at = await staged()
  const growing = await at.find()
  assert.equal(growing?.size, content.length)
  assert.ok(growing !== undefined && (await readAll(growing)).equals(content.subarray(0, 4000)))
  await growing.close()
})

for (const missing of ['ref', 'total', 'data']) {
  test(`a download whose ${missing} is not there yet is not found`, async () => {
    await using at = await staged()
    await rm(at.file(missing))
    assert.equal(await at.find(), undefined)
  })

  test(`a download whose ${missing} is a symbolic link is not found`, async () => {
    await using at = await staged()
    const elsewhere = path.join(at.outside, missing)
    await rename(at.file(missing), elsewhere)
    await symlink(elsewhere, at.file(missing))
    assert.equal(await at.find(), undefined)
  })
}

test('a download of other content, or of a size that is none, is not found', async () => {
  for (const [file, text] of [
    ['ref', `layer-${digestOf(Buffer.from('other'))}`],
    ['total', 'many'],
    ['total', '1'.repeat(2000)],
  ] as const) {
    await using at = await staged()
    await writeFile(at.file(file), text)
    assert.equal(await at.find(), undefined)
  }
})

test('removed content is aborted even where the staged directory stays, and one that is renamed into place is committed', async () => {
  await using at = await staged()
  const growing = await at.find()
  assert.ok(growing !== undefined)
  const waited = growing.waitPast(4000, { signal: patience() })
  await rm(at.file('data'))
  assert.equal(await waited, 'aborted')
  await growing.close()

  await using other = await staged()
  const committed = await other.find()
  assert.ok(committed !== undefined)
  const ended = committed.waitPast(4000, { signal: patience() })
  await writeFile(other.file('data'), content)
  await rename(other.file('data'), other.hands[1]?.blob(digest) ?? '')
  assert.match(await ended, /^(?:grown|committed)$/)
  assert.equal(await committed.waitPast(content.length, { signal: patience() }), 'committed')
  assert.ok((await readAll(committed)).equals(content))
  await committed.close()
})
