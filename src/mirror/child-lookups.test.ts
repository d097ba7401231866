import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { sampleImage } from '../../test/contracts/sample-image.ts'
import { MemoryLog } from '../../test/fakes/memory-log.ts'
import { digestOf } from '../oci/digest.ts'
import type { Router } from '../routing/router.ts'
import { ChildLookups } from './child-lookups.ts'

/** Lookups that last until they are aborted or the test ends them. */
function setUp(t: TestContext) {
  const running = new Map<string, { readonly signal: AbortSignal; end(): void; fail(error: Error): void }>()
  const router: Router = {
    async *lookup(key, { signal }) {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      signal.addEventListener('abort', () => resolve())
      running.set(key, { signal, end: resolve, fail: reject })
      await promise
      yield* []
    },
    advertise: async () => {},
    withdraw: async () => {},
    ready: () => true,
  }
  const log = new MemoryLog()
  const lookups = new ChildLookups({ router, log })
  t.after(() => lookups.close())
  return { lookups, running, log }
}

describe('ChildLookups', () => {
  test('looks up every child of an image and of an index', t => {
    const { lookups, running } = setUp(t)
    const image = sampleImage()
    lookups.start(image.index.content)
    assert.deepEqual([...running.keys()], [digestOf(image.manifest.content)])
    lookups.start(image.manifest.content)
    const children = [image.config, ...image.layers].map(part => digestOf(part.content))
    assert.deepEqual([...running.keys()].slice(1), children)
  })

  test('looks nothing up for content that is no image', t => {
    const { lookups, running } = setUp(t)
    lookups.start(Buffer.from('{}'))
    assert.equal(running.size, 0)
  })

  test('runs a bounded number of lookups, and makes room as they end', async t => {
    const { lookups, running } = setUp(t)
    const large = sampleImage(
      'large',
      Array.from({ length: 100 }, (_, index) => index + 1),
    )
    lookups.start(large.manifest.content)
    assert.equal(running.size, 64)
    for (const lookup of running.values()) lookup.end()
    await new Promise(resolve => setImmediate(resolve))
    lookups.start(sampleImage('next').manifest.content)
    assert.equal(running.size, 67)
  })

  test('logs a lookup that fails', async t => {
    const { lookups, running, log } = setUp(t)
    const image = sampleImage()
    lookups.start(image.index.content)
    running.get(digestOf(image.manifest.content))?.fail(new Error('broken router'))
    await new Promise(resolve => setImmediate(resolve))
    assert.deepEqual(
      log.lines.map(({ message }) => message),
      ['lookup failed'],
    )
  })

  test('ends what is under way when closed, and starts nothing more', async t => {
    const { lookups, running } = setUp(t)
    lookups.start(sampleImage().index.content)
    await lookups.close()
    lookups.start(sampleImage('next').index.content)
    assert.deepEqual(
      [...running.values()].map(({ signal }) => signal.aborted),
      [true],
    )
  })
})
