import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { digestOf } from '../../src/oci/digest.ts'
import { formatReference } from '../../src/oci/reference.ts'
import { createContainerdClient } from '../../src/store/containerd/client.ts'
import { createContainerdStore } from '../../src/store/containerd/containerd.ts'
import type { ContainerdEvent } from '../../src/store/containerd/services.ts'
import { blobPath } from '../../src/store/content-directory/content-files.ts'
import { ContentNotFoundError } from '../../src/store/errors.ts'
import { sampleImage, sampleTag } from '../contracts/sample-image.ts'
import { patience, readAll, type StoreFixture, storeContract } from '../contracts/store-contract.ts'
import { MemoryLog } from '../fakes/memory-log.ts'
import { noFilter } from '../no-filter.ts'
import { type ContainerdBinary, containerdBinaries } from './containerd/containerd-binary.ts'
import { StoreHand, unlessRoot } from './containerd/store-hand.ts'

interface Fixture extends StoreFixture {
  readonly hand: StoreHand
}

/** Content is read over the socket where `contentPath` leads nowhere. */
async function setup(binary: ContainerdBinary, contentPath = ''): Promise<Fixture> {
  const hand = await StoreHand.create(binary)
  const { namespace, paths } = hand
  const options = { socket: paths.socket, namespace, contentPath }
  const containerd = createContainerdStore({ filter: noFilter, log: new MemoryLog() }, options)
  return {
    hand,
    store: containerd.store,
    put: content => hand.put(content),
    tag: (reference, digest) => hand.tag(reference, digest),
    untag: reference => hand.untag(reference),
    remove: digest => hand.remove(digest),
    async [Symbol.asyncDispose]() {
      await containerd[Symbol.asyncDispose]()
      await hand[Symbol.asyncDispose]()
    },
  }
}

const skip = unlessRoot()
const binaries = skip === false ? containerdBinaries() : []
if (binaries.length === 0)
  test('the store on a real containerd', { skip: skip || 'containerd is not installed' }, () => {})

for (const binary of binaries) {
  const name = `containerd ${binary.version}`
  storeContract(`${name}, by its content directory`, () => setup(binary))
  storeContract(`${name}, over its socket`, () => setup(binary, '/nonexistent'))

  test(`${name}: content of another namespace is not found, though its file is there`, async () => {
    await using fixture = await setup(binary)
    const digest = await fixture.hand.put(Buffer.from('another’s'), 'moby')
    await assert.rejects(fixture.store.open(digest, { signal: patience() }), ContentNotFoundError)
  })

  for (const contentPath of ['', '/nonexistent']) {
    const how = contentPath === '' ? 'by its content directory' : 'over its socket'
    test(`${name}, ${how}: a blob whose file was removed by hand is not found`, async () => {
      await using fixture = await setup(binary, contentPath)
      const digest = await fixture.put(Buffer.alloc(2_000_000, 'gone '))
      await fixture.store.describe(digest, { signal: patience() })
      await rm(path.join(fixture.hand.paths.content, blobPath(digest)))
      await assert.rejects(fixture.store.open(digest, { signal: patience() }), ContentNotFoundError)
    })
  }

  test(`${name}: large content is read over the socket in order and at any position`, async () => {
    await using fixture = await setup(binary, '/nonexistent')
    const content = Buffer.alloc(5_000_000, 'some words ')
    const blob = await fixture.store.open(await fixture.put(content), { signal: patience() })
    assert.ok((await readAll(blob, 300_000)).equals(content))
    const into = Buffer.alloc(100)
    assert.equal(await blob.read(into, 4_999_950), 50)
    assert.ok(into.subarray(0, 50).equals(content.subarray(4_999_950)))
    assert.equal(await blob.read(into, 3), 100)
    assert.ok(into.equals(content.subarray(3, 103)))
    await blob.close()
  })

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    test(`${name}: after ${signal} and a new start events are told again`, async () => {
      await using hand = await StoreHand.create(binary)
      const { namespace, paths } = hand
      await using client = createContainerdClient({ log: new MemoryLog() }, { socket: paths.socket, namespace })
      const { manifest } = sampleImage()
      const name = formatReference(sampleTag)
      const digest = await hand.put(manifest.content)
      for (const ended of [false, true]) {
        const events = client.events.subscribe({ signal: patience() })[Symbol.asyncIterator]()
        const next = async (): Promise<ContainerdEvent | undefined> => (await events.next()).value ?? undefined
        assert.deepEqual(await next(), { kind: 'subscribed' })
        await hand.tag(sampleTag, digest)
        const kinds: string[] = []
        while (!kinds.at(-1)?.startsWith('image-')) {
          const event = await next()
          assert.ok(event !== undefined)
          kinds.push(event.kind)
          if (event.kind === 'image-created' || event.kind === 'image-updated') assert.equal(event.name, name)
        }
        if (ended) {
          await hand.untag(sampleTag)
          assert.deepEqual(await next(), { kind: 'image-deleted', name })
          await events.return?.()
        } else {
          const broken = assert.rejects(
            async () => {
              for (;;) await next()
            },
            { code: 'CONTAINERD_UNAVAILABLE' },
          )
          await hand.stop(signal)
          await broken
          await hand.start()
        }
      }
      assert.equal(
        (await client.content.info(digestOf(manifest.content), { signal: patience() })).size,
        manifest.content.length,
      )
    })
  }
}
