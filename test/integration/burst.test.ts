import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import { blobPath } from '../../src/store/content-directory/content-files.ts'
import { sampleTag } from '../contracts/sample-image.ts'
import { until } from '../until.ts'
import { type BurstScene, type OfferedImage, type ScenePull, setBurstScene } from './burst-scene.ts'

const LAYER_BYTES = [500_000, 1_500_000, 3_000_000]
const BYTES_PER_SECOND = 4_000_000
const ALL = [0, 1, 2, 3]
const GRANTED = 'spegel_coalesce_total{outcome="granted"}'
const IN_PROGRESS = 'spegel_served_bytes_total{source="in_progress"}'

let at: BurstScene
after(async () => await at[Symbol.asyncDispose]())

function offer(repository: string): Promise<OfferedImage> {
  return at.offer({ repository, layerBytes: LAYER_BYTES, bytesPerSecond: BYTES_PER_SECOND })
}

async function whole(pulls: readonly ScenePull[]): Promise<void> {
  await Promise.all(pulls.map(pull => pull.result))
}

/** What was not fetched from upstream `expected` times, and how often it was instead. */
function otherwise({ upstream, digests }: OfferedImage, expected: number): readonly (readonly [Digest, number])[] {
  return digests.map(digest => [digest, upstream.fetches(digest)] as const).filter(([, count]) => count !== expected)
}

async function sum(name: string): Promise<number> {
  const values = await Promise.all(ALL.map(index => at.metric(index, name)))
  return values.reduce((total, value) => total + value, 0)
}

async function assertWhole({ digests }: OfferedImage, indexes: readonly number[]): Promise<void> {
  for (const index of indexes) {
    for (const digest of digests) {
      assert.equal(digestOf(await readFile(path.join(at.layout(index), blobPath(digest)))), digest)
    }
  }
}

describe('pulls of an image that no node has', () => {
  before(async () => {
    at = await setBurstScene([[`--registry-filters=^${sampleTag.registry}/secret`], [], [], []])
  })

  test('fetch all of it from upstream once where they start at the same time', async () => {
    const image = await offer('burst/together')
    const [granted, inProgress] = [await sum(GRANTED), await sum(IN_PROGRESS)]
    await whole(ALL.map(index => at.pull(image, index)))
    assert.deepEqual(otherwise(image, 1), [])
    await assertWhole(image, ALL)
    assert.equal((await sum(GRANTED)) - granted, image.digests.length)
    assert.ok((await sum(IN_PROGRESS)) - inProgress > 3_000_000)
  })

  test('fetch all of it from upstream once where one starts late', async () => {
    const image = await offer('burst/late')
    const pulls = [0, 1, 2].map(index => at.pull(image, index))
    await until(() => image.upstream.sentBytes > 3_000_000)
    await whole([...pulls, at.pull(image, 3)])
    assert.deepEqual(otherwise(image, 1), [])
    await assertWhole(image, ALL)
  })

  test('fetch two images from upstream once at the same time', async () => {
    const images = [await offer('burst/one'), await offer('burst/two')]
    await whole(images.flatMap(image => ALL.map(index => at.pull(image, index))))
    for (const image of images) {
      assert.deepEqual(otherwise(image, 1), [])
      await assertWhole(image, ALL)
    }
  })

  test('give nothing away of one that a filter excludes, whatever name it is asked for by', async () => {
    const image = await offer('secret/image')
    const pull = at.pull(image, 0)
    await until(() => pull.fromUpstream(image.layer) > 500_000)
    const headers = { 'x-spegel-mirrored': 'true', 'x-spegel-in-progress': 'true' }
    for (const repository of [image.reference.repository, 'other/name']) {
      const target = `/v2/${repository}/blobs/${image.layer}?ns=${sampleTag.registry}`
      const response = await fetch(`${at.nodes[0]?.url}${target}`, { headers })
      assert.equal(response.status, 404)
      await response.body?.cancel()
    }
    await whole([pull])
  })

  test('survive a node that fetches and freezes, at the cost of one more fetch', async () => {
    const image = await offer('burst/freeze')
    const pulls = ALL.map(index => at.pull(image, index))
    const fetches = (pull: ScenePull | undefined): boolean => (pull?.fromUpstream(image.layer) ?? 0) > 500_000
    await until(() => pulls.some(fetches))
    const root = pulls.findIndex(fetches)
    at.nodes[root]?.kill('SIGSTOP')
    // Which would wait for its own node.
    pulls[root]?.abort()
    await whole(pulls.filter((_, index) => index !== root))
    at.nodes[root]?.kill('SIGCONT')
    await assertWhole(
      image,
      ALL.filter(index => index !== root),
    )
    for (const digest of image.digests) {
      const count = image.upstream.fetches(digest)
      assert.ok(count <= 2, `${digest} was fetched ${count} times`)
    }
  })

  test('survive the death of the node that fetches, at the cost of one more fetch', async () => {
    const image = await offer('burst/death')
    const pulls = ALL.map(index => at.pull(image, index))
    const fetches = (pull: ScenePull | undefined): boolean => (pull?.fromUpstream(image.layer) ?? 0) > 500_000
    await until(() => pulls.some(fetches))
    const root = pulls.findIndex(fetches)
    at.nodes[root]?.kill('SIGKILL')
    pulls[root]?.abort()
    const survivors = ALL.filter(index => index !== root)
    await whole(pulls.filter((_, index) => index !== root))
    await assertWhole(image, survivors)
    for (const digest of image.digests) {
      const count = image.upstream.fetches(digest)
      assert.ok(count <= 2, `${digest} was fetched ${count} times`)
    }
    assert.equal(image.upstream.fetches(image.layer), 2)
  })
})

describe('pulls of an image that no node has, half of which do not coalesce', () => {
  before(async () => {
    await at[Symbol.asyncDispose]()
    at = await setBurstScene([[], ['--coalesce=false'], [], ['--coalesce=false']])
  })

  test('fetch what takes its time once for each of those, and once for all others', async () => {
    const image = await offer('burst/mixed')
    await whole(ALL.map(index => at.pull(image, index)))
    await assertWhole(image, ALL)
    assert.equal(image.upstream.fetches(image.layer), 3)
    // What is complete at one node before the next asks for it comes from there, as always.
    for (const digest of image.digests) assert.ok(image.upstream.fetches(digest) <= 3)
  })
})
