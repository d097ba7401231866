import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { digestHex, digestOf } from '../../oci/digest.ts'
import { OCI_INDEX } from '../../oci/media-type.ts'
import { DemoImageError } from './errors.ts'
import { MADE_IMAGE_NAME, makeImage } from './make-image.ts'
import { readSourceImage } from './source-image.ts'
import { verifyLayout } from './verify.ts'

const LINUX = { os: 'linux', architecture: 'amd64' }
const { signal } = new AbortController()
const root = await mkdtemp(path.join(tmpdir(), 'spegel-demo-test-'))
after(() => rm(root, { recursive: true, force: true }))

async function made(name: string): Promise<string> {
  const directory = path.join(root, name)
  await makeImage(directory, [0, 10, 2000])
  return directory
}

async function writeIndex(directory: string, manifests: readonly object[]): Promise<void> {
  await writeFile(path.join(directory, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }))
}

test('the image that is made is a whole one, and the same each time', async () => {
  const [first, second] = [await made('first'), await made('second')]
  const image = await readSourceImage(first, LINUX)
  assert.equal(image.name, MADE_IMAGE_NAME)
  assert.equal(image.content.length, 5)
  assert.equal(
    image.bytes,
    image.content.reduce((sum, { size }) => sum + size, 0),
  )
  assert.deepEqual(await verifyLayout(first, image.content, { signal }), [])
  assert.equal((await readSourceImage(second, LINUX)).root.digest, image.root.digest)
})

test('content that is missing, cut short or altered is found out', async () => {
  const directory = await made('damaged')
  const { content } = await readSourceImage(directory, LINUX)
  const [, , missing, short, altered] = content.map(({ digest }) => digest)
  assert.ok(missing && short && altered)
  const fileOf = (digest: typeof missing) => path.join(directory, 'blobs', 'sha256', digestHex(digest))
  await rm(fileOf(missing))
  await truncate(fileOf(short), 5)
  const bytes = await readFile(fileOf(altered))
  bytes.writeUInt8(bytes.readUInt8(0) ^ 1, 0)
  await writeFile(fileOf(altered), bytes)
  const faults = await verifyLayout(directory, content, { signal })
  assert.equal(faults.length, 3)
  assert.equal(faults[0], `${missing} is missing`)
  assert.match(faults[1] ?? '', new RegExp(`^${short} hashes to sha256:`))
  assert.match(faults[2] ?? '', new RegExp(`^${altered} hashes to sha256:`))
})

test('of an index only what a pull fetches counts', async () => {
  const directory = await made('index')
  const image = await readSourceImage(directory, LINUX)
  const other = { digest: digestOf(Buffer.from('elsewhere')), size: 9, mediaType: image.root.mediaType }
  const index = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests: [
        { ...other, platform: { os: 'linux', architecture: 's390x' } },
        { ...image.root, platform: LINUX },
      ],
    }),
  )
  const descriptor = { digest: digestOf(index), size: index.length, mediaType: OCI_INDEX }
  await writeFile(path.join(directory, 'blobs', 'sha256', digestHex(descriptor.digest)), index)
  await writeIndex(directory, [{ ...descriptor, annotations: { 'org.opencontainers.image.ref.name': '1.0' } }])

  const indexed = await readSourceImage(directory, LINUX)
  assert.equal(indexed.name, 'registry.example/demo/image:latest')
  assert.deepEqual(indexed.content, [descriptor, ...image.content])
  await assert.rejects(readSourceImage(directory, { os: 'windows', architecture: 'amd64' }), DemoImageError)
})

test('a directory without an image is refused with the reason', async () => {
  const directory = await made('empty')
  const refusal = async (): Promise<string> => {
    const error: unknown = await readSourceImage(directory, LINUX).catch((error: unknown) => error)
    assert.ok(error instanceof DemoImageError)
    return error.message
  }
  const { root, content } = await readSourceImage(directory, LINUX)
  const layer = content.at(-1)?.digest ?? root.digest
  const fileOf = (digest: typeof layer) => path.join(directory, 'blobs', 'sha256', digestHex(digest))
  await truncate(fileOf(layer), 5)
  assert.match(await refusal(), new RegExp(`${layer} has 5 bytes instead of \\d{4}$`))
  await rm(fileOf(layer))
  assert.match(await refusal(), new RegExp(`${layer} is missing`))
  await writeFile(fileOf(root.digest), 'garbage')
  assert.match(await refusal(), new RegExp(`${root.digest} is damaged`))
  await rm(path.join(directory, 'blobs'), { recursive: true })
  assert.match(await refusal(), new RegExp(`${root.digest} is missing`))
  await writeIndex(directory, [])
  assert.match(await refusal(), /it lists no image/)
  await rm(path.join(directory, 'index.json'))
  assert.match(await refusal(), /it has no index\.json/)
})
