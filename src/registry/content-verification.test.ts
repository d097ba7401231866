import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { open, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, test } from 'node:test'
import { LayoutHand } from '../../test/contracts/layout-hand.ts'
import { ManualTime } from '../../test/fakes/manual-time.ts'
import { MemoryLog } from '../../test/fakes/memory-log.ts'
import { startNode } from '../../test/mirror/node-under-test.ts'
import { rawExchange } from '../../test/mirror/raw-exchange.ts'
import { asPeer } from '../../test/mirror/stored-image.ts'
import { noFilter } from '../../test/no-filter.ts'
import { temporaryDirectory } from '../../test/temporary-directory.ts'
import { until } from '../../test/until.ts'
import type { Digest } from '../oci/digest.ts'
import { createOciLayout } from '../store/oci-layout/oci-layout.ts'

const layer = randomBytes(600_000)
const config = Buffer.from('{"architecture":"amd64"}')

/** A node over a real layout that holds a layer and a config. */
async function setup() {
  const stack = new AsyncDisposableStack()
  const directory = stack.use(await temporaryDirectory())
  const hand = await LayoutHand.open(path.join(directory.path, 'layout'))
  const digests = { layer: await hand.put(layer), config: await hand.put(config) }
  const clock = new ManualTime()
  const { store } = createOciLayout({ roots: [hand.root], filter: noFilter, log: new MemoryLog() })
  const node = stack.use(await startNode({ store, clock }))
  return {
    ...digests,
    node,
    clock,
    file: (digest: Digest) => hand.blob(digest),
    get: (digest: Digest, headers = {}, method: 'GET' | 'HEAD' = 'GET') =>
      rawExchange(node.address, { method, target: `/v2/a/blobs/${digest}?ns=docker.io`, headers }),
    errors: () => node.log.lines.filter(({ level }) => level === 'error'),
    [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose](),
  }
}

/** Changes one byte in the middle of a file. */
async function damage(file: string): Promise<void> {
  await using handle = await open(file, 'r+')
  await handle.write(Buffer.from([layer[300_000] === 0 ? 1 : 0]), 0, 1, 10)
}

/** Puts a sound file in the place of another. */
async function replace(file: string, content: Buffer): Promise<void> {
  await writeFile(`${file}.part`, content)
  await rename(`${file}.part`, file)
}

describe('a blob in the store that does not match its digest', () => {
  for (const range of [{}, { range: 'bytes=400000-' }]) {
    test(`is a miss once it was served to its end: ${JSON.stringify(range)}`, async () => {
      await using at = await setup()
      await damage(at.file(at.layer))
      assert.equal((await at.get(at.layer, range)).body.length, 'range' in range ? 200_000 : 600_000)
      await until(() => at.node.unadvertised.has(at.layer))
      for (const headers of [{}, asPeer, { range: 'bytes=0-1' }])
        assert.equal((await at.get(at.layer, headers)).status, 404)
      assert.equal((await at.get(at.layer, {}, 'HEAD')).status, 404)
      assert.equal(at.errors().length, 1)
      assert.equal(await at.node.metric('spegel_corrupt_content_total'), 1)
    })
  }

  test('is never sent where it is small', async () => {
    await using at = await setup()
    await replace(at.file(at.config), Buffer.from('{"architecture":"arm64"}'))
    for (let asked = 0; asked < 2; asked++) assert.equal((await at.get(at.config, asPeer)).status, 404)
    assert.ok(at.node.unadvertised.has(at.config))
    assert.equal(at.errors().length, 1)
  })

  test('is served and advertised again as soon as its file was replaced and it is asked for', async () => {
    await using at = await setup()
    await damage(at.file(at.layer))
    await at.get(at.layer)
    await until(() => at.node.unadvertised.has(at.layer))
    await replace(at.file(at.layer), layer)
    assert.ok((await at.get(at.layer, asPeer)).body.equals(layer))
    assert.equal(at.node.unadvertised.size, 0)
  })

  test('is advertised again within a minute after its file was replaced, and not before', async () => {
    await using at = await setup()
    await damage(at.file(at.layer))
    await at.get(at.layer)
    await until(() => at.clock.sleeps.length > 0)
    at.clock.advance(60_000)
    await until(() => at.clock.sleeps[0] === 60_000)
    assert.ok(at.node.unadvertised.has(at.layer))
    await replace(at.file(at.layer), layer)
    at.clock.advance(60_000)
    await until(() => at.node.unadvertised.size === 0)
    assert.deepEqual(at.clock.sleeps, [])
  })
})

describe('a blob in the store', () => {
  test('is served where it was damaged after it was verified, until that is noticed', async () => {
    await using at = await setup()
    await at.get(at.layer)
    await damage(at.file(at.layer))
    assert.equal((await at.get(at.layer)).status, 200)
    await until(() => at.node.unadvertised.has(at.layer))
  })

  test('is not hashed where only its beginning was served', async () => {
    await using at = await setup()
    await damage(at.file(at.layer))
    await at.get(at.layer, { range: 'bytes=0-399999' })
    await at.get(at.layer, {}, 'HEAD')
    // What is hashed after it shows that it is not waiting to be.
    await replace(at.file(at.config), Buffer.alloc(300_000))
    await at.get(at.config)
    await until(() => at.node.unadvertised.size > 0)
    assert.deepEqual([...at.node.unadvertised], [at.config])
  })
})
