import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ManualClock } from '../../test/fakes/manual-clock.ts'
import { MemoryLog } from '../../test/fakes/memory-log.ts'
import { MemoryStore } from '../../test/fakes/memory-store.ts'
import { until } from '../../test/until.ts'
import { type Digest, digestOf } from '../oci/digest.ts'
import { UpstreamRate } from './upstream-rate.ts'

const MB = 1_000_000
const layer = digestOf(Buffer.from('layer'))
const other = digestOf(Buffer.from('another layer'))

function setUp() {
  const clock = new ManualClock()
  const inProgress = new MemoryStore()
  const rate = new UpstreamRate({ inProgress, log: new MemoryLog(), now: clock.now })
  /** Downloads content from upstream in `seconds`. */
  const fetched = async (digest: Digest, bytes: number, seconds: number): Promise<void> => {
    const download = inProgress.begin(digest, bytes)
    rate.watch(digest, 0, bytes)
    await settled()
    clock.advance(seconds * 1000)
    download.commit()
    await settled()
  }
  return { clock, inProgress, rate, fetched, [Symbol.asyncDispose]: () => rate.close() }
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise(resolve => setImmediate(resolve))
}

describe('the rate of upstream', () => {
  test('is that of content fetched from there', async () => {
    await using at = setUp()
    assert.equal(at.rate.bytesPerSecond, undefined)
    await at.fetched(layer, 100 * MB, 10)
    assert.equal(at.rate.bytesPerSecond, 10 * MB)
  })

  test('is the sum of all that is fetched at once', async () => {
    await using at = setUp()
    const downloads = [at.inProgress.begin(layer, 100 * MB), at.inProgress.begin(other, 50 * MB)]
    at.rate.watch(layer, 0, 100 * MB)
    at.rate.watch(other, 0, 100 * MB)
    await settled()
    at.clock.advance(10_000)
    for (const download of downloads) download.commit()
    await until(() => at.rate.bytesPerSecond === 15 * MB)
  })

  test('counts only what upstream is asked for', async () => {
    await using at = setUp()
    const download = at.inProgress.begin(layer, 100 * MB)
    at.rate.watch(layer, 80 * MB, 100 * MB)
    await settled()
    at.clock.advance(2_000)
    download.commit()
    await until(() => at.rate.bytesPerSecond === 10 * MB)
  })

  test('is forgotten after ten minutes', async () => {
    await using at = setUp()
    await at.fetched(layer, 100 * MB, 10)
    at.clock.advance(10 * 60_000)
    assert.equal(at.rate.bytesPerSecond, undefined)
  })

  for (const [what, bytes, seconds] of [
    ['little content', 8 * 1024 * 1024 - 1, 10],
    ['content that comes in a moment', 100 * MB, 0.999],
  ] as const) {
    test(`is not learned from ${what}`, async () => {
      await using at = setUp()
      await at.fetched(layer, bytes, seconds)
      assert.equal(at.rate.bytesPerSecond, undefined)
    })
  }

  test('is not learned from a download that is given up, or that nobody finds', async () => {
    await using at = setUp()
    const download = at.inProgress.begin(layer, 100 * MB)
    at.rate.watch(layer, 0, 100 * MB)
    at.rate.watch(other, 0, 100 * MB)
    await settled()
    at.clock.advance(10_000)
    download.abort()
    await settled()
    assert.equal(at.rate.bytesPerSecond, undefined)
  })

  test('is not learned from what is smaller than 1 MiB, however much of it there is', async () => {
    await using at = setUp()
    const size = 1024 * 1024 - 1
    const digests = Array.from({ length: 16 }, (_, index) => digestOf(Buffer.from(`${index}`)))
    const downloads = digests.map(digest => at.inProgress.begin(digest, size))
    for (const digest of digests) at.rate.watch(digest, 0, size)
    await settled()
    at.clock.advance(10_000)
    for (const download of downloads) download.commit()
    await settled()
    assert.equal(at.rate.bytesPerSecond, undefined)
  })

  test('is learned from one that stalls in between', async () => {
    await using at = setUp()
    const download = at.inProgress.begin(layer, 100 * MB)
    at.rate.watch(layer, 0, 100 * MB)
    await settled()
    download.stall()
    await settled()
    at.clock.advance(10_000)
    download.commit()
    await until(() => at.rate.bytesPerSecond === 10 * MB)
  })
})

describe('a transfer from peers', () => {
  test('is too slow where all of them bring less than a quarter of what upstream did, judged each ten seconds', async () => {
    await using at = setUp()
    await at.fetched(layer, 100 * MB, 10)
    using transfer = at.rate.follow()
    assert.equal(transfer.add(24 * MB, 9_999), false)
    assert.equal(transfer.add(0, 1), true)
    assert.equal(transfer.add(26 * MB, 10_000), false)
    assert.equal(transfer.add(24 * MB, 10_000), true)
  })

  test('is not too slow together with another that is fast enough', async () => {
    await using at = setUp()
    await at.fetched(layer, 100 * MB, 10)
    using slow = at.rate.follow()
    {
      using fast = at.rate.follow()
      fast.add(20 * MB, 8_000)
      assert.equal(slow.add(10 * MB, 10_000), false)
    }
    assert.equal(slow.add(10 * MB, 10_000), true)
  })

  test('is not too slow where nothing is known of upstream, or no longer', async () => {
    await using at = setUp()
    using transfer = at.rate.follow()
    assert.equal(transfer.add(0, 10_000), false)
    await at.fetched(layer, 100 * MB, 10)
    at.clock.advance(10 * 60_000)
    assert.equal(transfer.add(0, 10_000), false)
  })

  test('is not too slow while upstream is busy with what this node fetches for others', async () => {
    await using at = setUp()
    await at.fetched(layer, 100 * MB, 10)
    const download = at.inProgress.begin(other, 100 * MB)
    at.rate.watch(other, 0, 100 * MB)
    await settled()
    using transfer = at.rate.follow()
    assert.equal(transfer.add(0, 10_000), false)
    download.abort()
    await settled()
    assert.equal(transfer.add(0, 10_000), true)
  })
})

test('closing ends what is watched', async () => {
  const at = setUp()
  at.inProgress.begin(layer, 1)
  at.rate.watch(layer, 0, 100 * MB)
  await at.rate.close()
  at.rate.watch(other, 0, 100 * MB)
  await at.rate.close()
})
