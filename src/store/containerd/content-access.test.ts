import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { FakeContainerd } from '../../../test/containerd/fake-containerd.ts'
import { patience, readAll } from '../../../test/contracts/store-contract.ts'
import { MemoryLog } from '../../../test/fakes/memory-log.ts'
import { temporaryDirectory } from '../../../test/temporary-directory.ts'
import type { Digest } from '../../oci/digest.ts'
import { ContentNotFoundError } from '../errors.ts'
import type { Blob } from '../store.ts'
import { createContainerdClient } from './client.ts'
import { ContainerdContent } from './content-access.ts'
import { ContentRoot } from './content-root.ts'
import { ContentStream } from './content-stream.ts'
import { ContainerdUnavailableError } from './errors.ts'
import { NamespaceHoldings } from './namespace-holdings.ts'
import type { ContentService } from './services.ts'

const NOWHERE = '/nonexistent/content'

async function setup() {
  const fake = await FakeContainerd.start()
  const log = new MemoryLog()
  const client = createContainerdClient({ log }, fake)
  return {
    fake,
    log,
    client,
    calls: (method: string): number => fake.calls.get(method) ?? 0,
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]()
      await fake[Symbol.asyncDispose]()
    },
  }
}

test('content that is read in order over the socket is one call, and a jump is one more', async () => {
  await using rig = await setup()
  const content = Buffer.alloc(3_500_000, 'some words ')
  const digest = await rig.fake.put(content)
  const blob = await ContentStream.open(rig.client.content, digest, { signal: patience() })
  assert.ok((await readAll(blob, 70_000)).equals(content))
  assert.equal(rig.calls('Content.Read'), 1)
  const into = Buffer.alloc(10)
  assert.equal(await blob.read(into, 2_000_000), 10)
  assert.ok(into.equals(content.subarray(2_000_000, 2_000_010)))
  assert.equal(await blob.read(into, 2_000_010), 10)
  assert.ok(into.equals(content.subarray(2_000_010, 2_000_020)))
  assert.equal(rig.calls('Content.Read'), 2)
  await blob.close()
})

test('a stream that containerd breaks off fails as unavailable, and one that stalls fails too', async () => {
  const piece = Buffer.from('one piece')
  const never = new Promise<void>(() => {})
  const cut = async function* (): AsyncGenerator<Buffer> {
    yield piece
    throw new ContainerdUnavailableError('/sock', 'gone')
  }
  const stalled: ContentService['read'] = async function* (_, { signal }) {
    yield piece
    await Promise.race([
      never,
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    ])
  }
  for (const [read, expected] of [
    [cut, { code: 'CONTAINERD_UNAVAILABLE' }],
    [stalled, { code: 'CONTAINERD' }],
  ] as const) {
    const service: ContentService = {
      async *list() {},
      info: async digest => ({ digest, size: 1000 }),
      read,
    }
    const options = { signal: patience(), stallTimeoutMs: 20 }
    const blob = await ContentStream.open(service, 'sha256:00' as Digest, options)
    const into = Buffer.alloc(100)
    assert.equal(await blob.read(into, 0), piece.length)
    await assert.rejects(blob.read(into, piece.length), expected)
    await blob.close()
  }
})

test('only so much is read over the socket at once; one that is closed makes room', async () => {
  await using rig = await setup()
  const { fake, client: containerd, log } = rig
  const content = new ContainerdContent({ containerd, log }, { socket: fake.socket, contentPath: NOWHERE })
  const digest = await fake.put(Buffer.from('content'))
  const blobs: Blob[] = []
  await assert.rejects(async () => {
    for (;;) blobs.push(await content.open(digest, { signal: patience() }))
  }, ContainerdUnavailableError)
  assert.equal(blobs.length, 24)
  await blobs[0]?.close()
  await blobs[0]?.close()
  blobs.push(await content.open(digest, { signal: patience() }))
  await assert.rejects(content.open(digest, { signal: patience() }), ContainerdUnavailableError)
  await Promise.all(blobs.map(blob => blob.close()))
})

test('what belongs to the namespace is asked again after a while, and is no longer found once it does not', async () => {
  await using rig = await setup()
  let nowMs = 0
  const holdings = new NamespaceHoldings(rig.client.content, { rememberedForMs: 1000, now: () => nowMs })
  const digest = await rig.fake.put(Buffer.from('content'))
  await holdings.check(digest, { signal: patience() })
  rig.fake.release(digest)
  nowMs = 999
  await holdings.check(digest, { signal: patience() })
  nowMs = 1000
  await assert.rejects(holdings.check(digest, { signal: patience() }), ContentNotFoundError)
  assert.equal(rig.calls('Content.Info'), 2)
})

test('while containerd is away what it held last counts, and what was never asked for can’t be known', async () => {
  await using rig = await setup()
  let nowMs = 0
  const holdings = new NamespaceHoldings(rig.client.content, { rememberedForMs: 1000, now: () => nowMs })
  const digest = await rig.fake.put(Buffer.from('content'))
  const other = await rig.fake.put(Buffer.from('other content'))
  await holdings.check(digest, { signal: patience() })
  await rig.fake.stop()
  nowMs = 5000
  await holdings.check(digest, { signal: patience() })
  await assert.rejects(holdings.check(other, { signal: patience() }), ContainerdUnavailableError)
})

test('a content directory that appears later is found then', async () => {
  await using rig = await setup()
  await using directory = await temporaryDirectory()
  const contentPath = path.join(directory.path, 'content')
  const root = new ContentRoot(
    { introspection: rig.client.introspection, log: rig.log },
    { contentPath, retryIntervalMs: 0 },
  )
  assert.equal(await root.find({ signal: patience() }), undefined)
  assert.equal(await root.find({ signal: patience() }), undefined)
  await mkdir(contentPath)
  assert.equal(await root.find({ signal: patience() }), contentPath)
  assert.deepEqual(
    rig.log.lines.map(({ level }) => level),
    ['warn', 'info'],
  )
})

test('containerd is asked where content is until it says so, and once', async () => {
  await using rig = await setup()
  const root = new ContentRoot(
    { introspection: rig.client.introspection, log: rig.log },
    { contentPath: '', retryIntervalMs: 0 },
  )
  await rig.fake.stop()
  assert.equal(await root.find({ signal: patience() }), undefined)
  await rig.fake.start()
  for (let count = 0; count < 3; count++)
    assert.equal(await root.find({ signal: patience() }), rig.fake.contentDirectory)
  assert.equal(rig.calls('Introspection.Plugins'), 1)
  assert.deepEqual(rig.log.lines, [])
})
