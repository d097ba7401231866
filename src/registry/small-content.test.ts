import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { patience } from '../../test/contracts/store-contract.ts'
import { ManualTime } from '../../test/fakes/manual-time.ts'
import { MemoryLog } from '../../test/fakes/memory-log.ts'
import { MemoryStore } from '../../test/fakes/memory-store.ts'
import { overriding } from '../../test/mirror/stored-image.ts'
import { createMetrics } from '../observability/metrics.ts'
import { type Digest, digestOf } from '../oci/digest.ts'
import type { Store } from '../store/store.ts'
import { ContentVerification } from './content-verification.ts'
import { CorruptContentError } from './errors.ts'
import { SmallContent, type SmallContentOptions } from './small-content.ts'

/** Small content over a store that counts what is opened. */
function setup(options?: SmallContentOptions) {
  const memory = new MemoryStore()
  const opened: Digest[] = []
  const store: Store = overriding(memory, {
    open: (digest, callOptions) => {
      opened.push(digest)
      return memory.open(digest, callOptions)
    },
  })
  const verification = new ContentVerification({
    store,
    advertised: { exclude: () => undefined, include: () => undefined },
    hasher: { hash: () => Promise.reject(new Error('not a file')) },
    clock: new ManualTime(),
    metrics: createMetrics(),
    log: new MemoryLog(),
  })
  const small = new SmallContent({ verification }, options)
  return {
    memory,
    opened,
    borrow: async (digest: Digest) =>
      await small.borrow(store, await store.describe(digest, { signal: patience() }), { signal: patience() }),
  }
}

describe('small content', () => {
  test('is read once', async () => {
    const { memory, opened, borrow } = setup()
    const digest = memory.put(Buffer.from('manifest'))
    for (let time = 0; time < 3; time++) {
      using lent = await borrow(digest)
      assert.equal(lent?.bytes.toString(), 'manifest')
    }
    assert.deepEqual(opened, [digest])
  })

  test('is read again once it had to make room for what was used later', async () => {
    const { memory, opened, borrow } = setup({ cacheBytes: 250 })
    const [first, second, third] = ['a', 'b', 'c'].map(letter => memory.put(Buffer.alloc(100, letter)))
    assert.ok(first !== undefined && second !== undefined && third !== undefined)
    for (const digest of [first, second, first, third, first, second]) (await borrow(digest))?.[Symbol.dispose]()
    assert.deepEqual(opened, [first, second, third, second])
  })

  test('is not kept where it is damaged', async () => {
    const { memory, borrow } = setup()
    const digest = digestOf(Buffer.from('sound'))
    memory.putCorrupt(digest, Buffer.from('other'))
    await assert.rejects(borrow(digest), CorruptContentError)
    memory.putCorrupt(digest, Buffer.from('sound'))
    using lent = await borrow(digest)
    assert.equal(lent?.bytes.toString(), 'sound')
  })

  test('is not lent beyond what may be lent at once, nor after a failure less', async () => {
    const { memory, borrow } = setup({ lentBytes: 10 })
    const [six, five] = [memory.put(Buffer.alloc(6)), memory.put(Buffer.alloc(5))]
    memory.putCorrupt(digestOf(Buffer.from('sound')), Buffer.from('other'))
    await assert.rejects(borrow(digestOf(Buffer.from('sound'))), CorruptContentError)
    const lent = await borrow(six)
    assert.ok(lent !== undefined)
    assert.equal(await borrow(five), undefined)
    lent[Symbol.dispose]()
    assert.ok((await borrow(five)) !== undefined)
    assert.ok((await borrow(five)) !== undefined)
  })

  test('is at most 256 KiB', async () => {
    const { memory, borrow } = setup()
    assert.ok((await borrow(memory.put(Buffer.alloc(256 * 1024)))) !== undefined)
    assert.equal(await borrow(memory.put(Buffer.alloc(256 * 1024 + 1))), undefined)
  })
})
