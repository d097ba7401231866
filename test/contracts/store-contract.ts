import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import type { TagReference } from '../../src/oci/reference.ts'
import { ContentNotFoundError } from '../../src/store/errors.ts'
import type { Blob, Store } from '../../src/store/store.ts'
import { sampleImage, sampleTag } from './sample-image.ts'

/** A store under test, and a hand on what it holds. */
export interface StoreFixture extends AsyncDisposable {
  readonly store: Store
  /** Adds complete content. */
  put(content: Buffer): Promise<Digest>
  /** Points `reference` at a manifest that was put before. */
  tag(reference: TagReference, digest: Digest): Promise<void>
  untag(reference: TagReference): Promise<void>
  remove(digest: Digest): Promise<void>
}

/** Longer than any wait that succeeds: a test that waits for what never comes fails instead of hanging. */
const PATIENCE_MS = 10_000

export function patience(): AbortSignal {
  return AbortSignal.timeout(PATIENCE_MS)
}

/** All of `blob`, read in pieces of `pieceBytes`. */
export async function readAll(blob: Blob, pieceBytes = 1000): Promise<Buffer> {
  const pieces: Buffer[] = []
  for (let position = 0; ; ) {
    const piece = Buffer.alloc(pieceBytes)
    const length = await blob.read(piece, position)
    if (length === 0) return Buffer.concat(pieces)
    pieces.push(piece.subarray(0, length))
    position += length
  }
}

/** What every {@link Store} does. */
export function storeContract(name: string, setup: () => Promise<StoreFixture>): void {
  test(`${name}: content is described by its exact size and opens to its exact bytes`, async () => {
    await using fixture = await setup()
    for (const size of [1, 999, 1000, 1001, 300_000]) {
      const content = Buffer.alloc(size, `${size}`)
      const digest = await fixture.put(content)
      const described = await fixture.store.describe(digest, { signal: patience() })
      assert.deepEqual(described, { digest, size, mediaType: 'application/octet-stream' })
      const blob = await fixture.store.open(digest, { signal: patience() })
      assert.equal(blob.size, size)
      assert.ok((await readAll(blob)).equals(content))
      await blob.close()
    }
  })

  test(`${name}: a read starts at its position and is 0 at and past the end`, async () => {
    await using fixture = await setup()
    const digest = await fixture.put(Buffer.from('0123456789'))
    const blob = await fixture.store.open(digest, { signal: patience() })
    const into = Buffer.alloc(4)
    assert.equal(await blob.read(into, 7), 3)
    assert.equal(into.toString('latin1', 0, 3), '789')
    assert.equal(await blob.read(into, 10), 0)
    assert.equal(await blob.read(into, 1_000_000), 0)
    await blob.close()
  })

  test(`${name}: manifests and indexes are described by their media type, whether a tag names them or not`, async () => {
    await using fixture = await setup()
    const image = sampleImage()
    for (const { content, mediaType } of [image.manifest, image.index]) {
      const digest = await fixture.put(content)
      const untagged = await fixture.store.describe(digest, { signal: patience() })
      assert.deepEqual(untagged, { digest, size: content.length, mediaType })
      await fixture.tag(sampleTag, digest)
      assert.deepEqual(await fixture.store.describe(digest, { signal: patience() }), untagged)
    }
  })

  test(`${name}: what is not held is not found`, async () => {
    await using fixture = await setup()
    const unknown = digestOf(Buffer.from('never put'))
    await assert.rejects(fixture.store.describe(unknown, { signal: patience() }), ContentNotFoundError)
    await assert.rejects(fixture.store.open(unknown, { signal: patience() }), ContentNotFoundError)
    await assert.rejects(fixture.store.resolve(sampleTag, { signal: patience() }), ContentNotFoundError)
  })

  test(`${name}: a tag resolves to its digest, follows it when it moves, and is unknown once removed`, async () => {
    await using fixture = await setup()
    const image = sampleImage()
    const first = await fixture.put(image.manifest.content)
    const second = await fixture.put(image.index.content)
    await fixture.tag(sampleTag, first)
    assert.equal(await fixture.store.resolve(sampleTag, { signal: patience() }), first)
    await fixture.tag(sampleTag, second)
    assert.equal(await fixture.store.resolve(sampleTag, { signal: patience() }), second)
    const sibling = { ...sampleTag, tag: 'other' }
    await assert.rejects(fixture.store.resolve(sibling, { signal: patience() }), ContentNotFoundError)
    await fixture.untag(sampleTag)
    await assert.rejects(fixture.store.resolve(sampleTag, { signal: patience() }), ContentNotFoundError)
  })

  test(`${name}: content removed after it was described is not found when it is opened`, async () => {
    await using fixture = await setup()
    const digest = await fixture.put(Buffer.from('short-lived'))
    await fixture.store.describe(digest, { signal: patience() })
    await fixture.remove(digest)
    await assert.rejects(fixture.store.open(digest, { signal: patience() }), ContentNotFoundError)
    await assert.rejects(fixture.store.describe(digest, { signal: patience() }), ContentNotFoundError)
  })

  test(`${name}: open content stays readable after it is removed`, async () => {
    await using fixture = await setup()
    const content = Buffer.alloc(50_000, 'still here')
    const digest = await fixture.put(content)
    const blob = await fixture.store.open(digest, { signal: patience() })
    await fixture.remove(digest)
    assert.ok((await readAll(blob)).equals(content))
    await blob.close()
  })

  test(`${name}: a call whose signal is aborted rejects with the signal's reason`, async () => {
    await using fixture = await setup()
    const digest = await fixture.put(Buffer.from('x'))
    const reason = new Error('given up')
    const signal = AbortSignal.abort(reason)
    await assert.rejects(fixture.store.describe(digest, { signal }), reason)
    await assert.rejects(fixture.store.open(digest, { signal }), reason)
    await assert.rejects(fixture.store.resolve(sampleTag, { signal }), reason)
  })
}
