import assert from 'node:assert/strict'
import { mkdir, rm } from 'node:fs/promises'
import { test } from 'node:test'
import { FakeContainerd } from '../../../test/containerd/fake-containerd.ts'
import { sampleImage, sampleTag } from '../../../test/contracts/sample-image.ts'
import { patience, readAll, type StoreFixture, storeContract } from '../../../test/contracts/store-contract.ts'
import { MemoryLog } from '../../../test/fakes/memory-log.ts'
import { digestOf } from '../../oci/digest.ts'
import { ContentNotFoundError } from '../errors.ts'
import { createContainerdClient } from './client.ts'
import { ContainerdStore } from './containerd-store.ts'
import { ContainerdContent } from './content-access.ts'
import type { Containerd } from './services.ts'

interface Rig extends StoreFixture {
  readonly fake: FakeContainerd
  readonly client: Containerd
  readonly content: ContainerdContent
  readonly log: MemoryLog
}

/** @param contentPath relative to where content really is; by default it is there */
async function setup({ contentPath }: { readonly contentPath?: string } = {}): Promise<Rig> {
  const fake = await FakeContainerd.start()
  const { socket, namespace } = fake
  const log = new MemoryLog()
  const client = createContainerdClient({ log }, { socket, namespace })
  const content = new ContainerdContent(
    { containerd: client, log },
    { socket, contentPath: contentPath ?? fake.contentDirectory },
  )
  return {
    fake,
    client,
    content,
    log,
    store: new ContainerdStore({ images: client.images, content }),
    put: bytes => fake.put(bytes),
    tag: (reference, digest) => fake.tag(reference, digest),
    untag: async reference => fake.untag(reference),
    remove: digest => fake.collect(digest),
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]()
      await fake[Symbol.asyncDispose]()
    },
  }
}

const NOWHERE = '/nonexistent/content'

storeContract('containerd, by its content directory', setup)
storeContract('containerd, by the directory that it names', () => setup({ contentPath: '' }))
storeContract('containerd, over its socket', () => setup({ contentPath: NOWHERE }))

const { content: bytes } = sampleImage().manifest
const digest = digestOf(bytes)

test('content of another namespace is not found, though its file is there', async () => {
  await using rig = await setup()
  await rig.fake.put(bytes, 'moby')
  await assert.rejects(rig.store.describe(digest, { signal: patience() }), ContentNotFoundError)
  await assert.rejects(rig.store.open(digest, { signal: patience() }), ContentNotFoundError)
  rig.fake.hold(digest)
  assert.equal((await rig.store.describe(digest, { signal: patience() })).size, bytes.length)
})

test('containerd is asked once whose content is, and not at all for content that is not on disk', async () => {
  await using rig = await setup()
  await assert.rejects(rig.store.open(digest, { signal: patience() }), ContentNotFoundError)
  assert.equal(rig.fake.calls.get('Content.Info'), undefined)
  await rig.put(bytes)
  for (let count = 0; count < 5; count++) await rig.store.describe(digest, { signal: patience() })
  assert.equal(rig.fake.calls.get('Content.Info'), 1)
  assert.equal(rig.fake.calls.get('Content.Read'), undefined)
})

test('a tag whose content was removed by hand is not found', async () => {
  await using rig = await setup()
  await rig.put(bytes)
  await rig.tag(sampleTag, digest)
  assert.equal(await rig.store.resolve(sampleTag, { signal: patience() }), digest)
  await rm(rig.fake.blob(digest))
  await assert.rejects(rig.store.resolve(sampleTag, { signal: patience() }), ContentNotFoundError)
})

test('while containerd is away content that it held is served, and the rest is not found', async () => {
  await using rig = await setup()
  await rig.put(bytes)
  await rig.tag(sampleTag, digest)
  const other = await rig.put(Buffer.from('never asked for'))
  await rig.store.describe(digest, { signal: patience() })
  await rig.fake.stop()
  const blob = await rig.store.open(digest, { signal: patience() })
  assert.ok((await readAll(blob)).equals(bytes))
  await blob.close()
  await assert.rejects(rig.store.open(other, { signal: patience() }), ContentNotFoundError)
  await assert.rejects(rig.store.resolve(sampleTag, { signal: patience() }), ContentNotFoundError)
  await rig.fake.start()
  assert.equal(await rig.store.resolve(sampleTag, { signal: patience() }), digest)
})

test('a content directory that cannot be read is warned of once', async () => {
  await using rig = await setup({ contentPath: NOWHERE })
  await rig.put(bytes)
  for (let count = 0; count < 3; count++) await rig.store.describe(digest, { signal: patience() })
  const warnings = rig.log.lines.filter(({ level }) => level === 'warn')
  assert.deepEqual(
    warnings.map(({ message, fields }) => [message, fields['directory']]),
    [['the content directory of containerd cannot be read: content is read over its socket, which is slower', NOWHERE]],
  )
})

test('a file that is there but no regular one is as good as missing', async () => {
  await using rig = await setup()
  await mkdir(rig.fake.blob(digest))
  rig.fake.hold(digest)
  await assert.rejects(rig.store.open(digest, { signal: patience() }), ContentNotFoundError)
})
