import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { LayoutHand } from '../../../test/contracts/layout-hand.ts'
import { sampleImage, sampleTag } from '../../../test/contracts/sample-image.ts'
import { patience } from '../../../test/contracts/store-contract.ts'
import { temporaryDirectory } from '../../../test/temporary-directory.ts'
import { digestOf } from '../../oci/digest.ts'
import { parseJsonObject } from '../../oci/json-object.ts'
import { formatReference } from '../../oci/reference.ts'
import { DigestMismatchError, LayoutError, SizeMismatchError } from './errors.ts'
import { LayoutWriter } from './layout-writer.ts'

const content = Buffer.alloc(3_000_000, 'some content ')
const digest = digestOf(content)

async function writable() {
  const directory = await temporaryDirectory()
  const hand = await LayoutHand.open(directory.path)
  return {
    root: directory.path,
    hand,
    staged: () => readdir(path.join(directory.path, 'ingest')),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  }
}

test('a new directory becomes an empty image layout; one that is there stays as it is', async () => {
  await using directory = await temporaryDirectory()
  const root = path.join(directory.path, 'deep', 'down')
  await LayoutWriter.open(root)
  assert.deepEqual(parseJsonObject(await readFile(path.join(root, 'oci-layout'))), { imageLayoutVersion: '1.0.0' })
  assert.deepEqual(parseJsonObject(await readFile(path.join(root, 'index.json')))['manifests'], [])
  await writeFile(path.join(root, 'index.json'), '{"manifests":[],"mine":true}')
  await LayoutWriter.open(root)
  assert.equal(await readFile(path.join(root, 'index.json'), 'utf8'), '{"manifests":[],"mine":true}')
})

test('a directory that cannot be made is a layout error', async () => {
  await using directory = await temporaryDirectory()
  await writeFile(path.join(directory.path, 'file'), '')
  await assert.rejects(LayoutWriter.open(path.join(directory.path, 'file')), LayoutError)
})

test('a download is staged as containerd stages it, and committed into blobs', async () => {
  await using at = await writable()
  const download = await at.hand.begin(digest, content.length)
  const [id = ''] = await at.staged()
  const file = (name: string) => path.join(at.root, 'ingest', id, name)
  await download.append(content.subarray(0, 1000))
  assert.equal(await readFile(file('ref'), 'utf8'), digest)
  assert.equal(await readFile(file('total'), 'utf8'), String(content.length))
  assert.equal((await stat(file('data'))).size, 1000)
  const { ino } = await stat(file('data'))
  await download.append(content.subarray(1000))
  assert.equal(await at.hand.writer.has({ digest, size: content.length }), false)
  await download.commit()
  assert.equal(await at.hand.writer.has({ digest, size: content.length }), true)
  assert.equal((await stat(at.hand.blob(digest))).ino, ino)
  assert.ok((await readFile(at.hand.blob(digest))).equals(content))
  assert.deepEqual(await at.staged(), [])
})

test('a download that is left is resumed where it was, by this process or another', async () => {
  await using at = await writable()
  {
    await using left = await at.hand.begin(digest, content.length)
    await left.append(content.subarray(0, 2_500_000))
  }
  for (const writer of [at.hand.writer, await LayoutWriter.open(at.root)]) {
    await using resumed = await writer.begin({ digest, size: content.length }, { signal: patience() })
    assert.equal(resumed.offset, 2_500_000)
  }
  await using resumed = await at.hand.begin(digest, content.length)
  await resumed.append(content.subarray(2_500_000))
  await resumed.commit()
  assert.ok((await readFile(at.hand.blob(digest))).equals(content))
})

test('what was damaged while it was left is found out at the commit and dropped', async () => {
  await using at = await writable()
  {
    await using left = await at.hand.begin(digest, content.length)
    await left.append(content.subarray(0, 1000))
  }
  const [id = ''] = await at.staged()
  await writeFile(path.join(at.root, 'ingest', id, 'data'), 'damaged')
  await using resumed = await at.hand.begin(digest, content.length)
  assert.equal(resumed.offset, 7)
  await resumed.append(content.subarray(7))
  await assert.rejects(resumed.commit(), DigestMismatchError)
  assert.deepEqual(await at.staged(), [])
  assert.equal(await at.hand.writer.has({ digest, size: content.length }), false)
})

test('a staged download of another size, or longer than it, is begun again', async () => {
  await using at = await writable()
  {
    await using left = await at.hand.begin(digest, content.length)
    await left.append(content.subarray(0, 1000))
  }
  {
    await using other = await at.hand.begin(digest, 5000)
    assert.equal(other.offset, 0)
    await other.append(content.subarray(0, 5000))
  }
  const [id = ''] = await at.staged()
  await writeFile(path.join(at.root, 'ingest', id, 'data'), Buffer.alloc(5001))
  await using again = await at.hand.begin(digest, 5000)
  assert.equal(again.offset, 0)
})

test('a download takes no more than its size and commits no less', async () => {
  await using at = await writable()
  await using download = await at.hand.begin(digest, content.length)
  await download.append(content.subarray(0, 2_999_999))
  await assert.rejects(download.commit(), SizeMismatchError)
  await assert.rejects(download.append(Buffer.from('xy')), SizeMismatchError)
  assert.equal(download.offset, 2_999_999)
  await download.append(content.subarray(2_999_999))
  await download.commit()
})

test('empty content is content', async () => {
  await using at = await writable()
  const empty = digestOf(Buffer.alloc(0))
  await using download = await at.hand.begin(empty, 0)
  await download.commit()
  assert.equal(await at.hand.writer.has({ digest: empty, size: 0 }), true)
})

test('the same content is downloaded once at a time', async () => {
  await using at = await writable()
  const download = await at.hand.begin(digest, content.length)
  await assert.rejects(at.hand.begin(digest, content.length), LayoutError)
  await download.abort()
  await using again = await at.hand.begin(digest, content.length)
  assert.equal(again.offset, 0)
})

test('a manifest is read back only while it is undamaged', async () => {
  await using at = await writable()
  const { manifest } = sampleImage()
  const put = await at.hand.put(manifest.content)
  assert.deepEqual(await at.hand.writer.readManifest(put), manifest.content)
  await writeFile(at.hand.blob(put), 'damaged')
  assert.equal(await at.hand.writer.readManifest(put), undefined)
  assert.equal(await at.hand.writer.readManifest(digest), undefined)
})

test('opening a layout removes downloads that are a day old or make no sense, and keeps the others', async () => {
  await using at = await writable()
  const ingest = (name: string) => path.join(at.root, 'ingest', name)
  for (const name of ['fresh', 'stale', 'without-total', 'without-data']) {
    await mkdir(ingest(name))
    await writeFile(path.join(ingest(name), 'ref'), digest)
    if (name !== 'without-total') await writeFile(path.join(ingest(name), 'total'), '100')
    if (name !== 'without-data') await writeFile(path.join(ingest(name), 'data'), 'x')
  }
  const dayAgo = new Date(Date.now() - 25 * 3600 * 1000)
  await utimes(path.join(ingest('stale'), 'data'), dayAgo, dayAgo)
  await LayoutWriter.open(at.root)
  assert.deepEqual(await at.staged(), ['fresh'])
})

test('a directory that is no image layout becomes one and keeps what it has, also under ingest', async () => {
  await using directory = await temporaryDirectory()
  const precious = path.join(directory.path, 'ingest', 'mine', 'notes')
  await mkdir(path.dirname(precious), { recursive: true })
  await writeFile(precious, 'precious')
  await LayoutWriter.open(directory.path)
  assert.equal(await readFile(precious, 'utf8'), 'precious')
})

test('names are added beside what others wrote, which stays as it is', async () => {
  await using at = await writable()
  const foreign = {
    mediaType: 'x/y',
    digest,
    size: 1,
    annotations: { 'org.opencontainers.image.ref.name': 'v1' },
    more: [1],
  }
  const index = { schemaVersion: 2, manifests: [foreign, 'nonsense'], annotations: { a: 'b' } }
  await writeFile(path.join(at.root, 'index.json'), JSON.stringify(index))
  const manifest = await at.hand.put(sampleImage().manifest.content)
  await at.hand.tag(sampleTag, manifest)
  const { manifests, ...rest } = parseJsonObject(await readFile(path.join(at.root, 'index.json')))
  assert.deepEqual(rest, { schemaVersion: 2, annotations: { a: 'b' } })
  assert.ok(Array.isArray(manifests))
  assert.deepEqual(manifests.slice(0, 2), [foreign, 'nonsense'])
  assert.deepEqual(manifests[2].annotations, {
    'io.containerd.image.name': formatReference(sampleTag),
    'org.opencontainers.image.ref.name': 'v1',
  })
})

test('names given at the same time are all there, and one given twice is there once', async () => {
  await using at = await writable()
  const manifest = await at.hand.put(sampleImage().manifest.content)
  const tags = Array.from({ length: 10 }, (_, number) => `v${number % 5}`)
  await Promise.all(tags.map(tag => at.hand.tag({ ...sampleTag, tag }, manifest)))
  const { manifests } = parseJsonObject(await readFile(path.join(at.root, 'index.json')))
  assert.ok(Array.isArray(manifests))
  assert.equal(manifests.length, 5)
  assert.deepEqual((await readdir(at.root)).toSorted(), ['blobs', 'index.json', 'ingest', 'oci-layout'])
})

test('an index that is none is left alone, and later names are not held up', async () => {
  await using at = await writable()
  const manifest = await at.hand.put(sampleImage().manifest.content)
  const file = path.join(at.root, 'index.json')
  await writeFile(file, 'precious')
  await assert.rejects(at.hand.tag(sampleTag, manifest), LayoutError)
  assert.equal(await readFile(file, 'utf8'), 'precious')
  await writeFile(file, '{"manifests":[]}')
  await at.hand.tag(sampleTag, manifest)
})
