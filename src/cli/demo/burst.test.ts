import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { digestOf } from '../../oci/digest.ts'
import { parseImageName } from '../../oci/image-name.ts'
import { BURST_IMAGE_NAME, type BurstComponents, planBurst, runBurst } from './burst.ts'
import type { NodePull } from './result.ts'

const { signal } = new AbortController()
const root = { digest: digestOf(Buffer.from('root')), size: 7, mediaType: 'application/json' }
const reference = parseImageName(BURST_IMAGE_NAME)
const image = { directory: '', name: BURST_IMAGE_NAME, reference, root, content: [root], bytes: 7 }
const nodes = ['127.0.0.1:5000', '127.0.0.2:5000'].map(name => ({ name, metricsUrl: '', layout: '' }))

function setUp(pull: BurstComponents['pull']) {
  const shown: string[] = []
  let asked = 0
  const components: BurstComponents = {
    image,
    nodes,
    pull,
    pullDirect: async () => {
      asked += 1
      return { seconds: 1.234_56 }
    },
    upstream: { counts: () => ({ manifestRequests: 0, blobRequests: asked, blobBytes: 10 * asked }) },
    view: {
      pulling: ({ node, bytes }: NodePull) => shown.push(`${node} has ${bytes}`),
      pulled: ({ node }: NodePull) => shown.push(`${node} done`),
      upstreamAsked: counts => shown.push(JSON.stringify(counts)),
    },
  }
  return { shown, components, ask: () => (asked += 1) }
}

describe('the burst', () => {
  test('has all nodes pull at the same time, and counts what upstream is asked for by them alone', async () => {
    const all = Promise.withResolvers<void>()
    let pulling = 0
    const { shown, components, ask } = setUp(async (_, { progress }) => {
      pulling += 1
      if (pulling === nodes.length) all.resolve()
      await all.promise
      ask()
      progress.advanced(root.digest, 7, 'upstream')
      return { bytes: 7, seconds: 2, from: { upstream: 7 } }
    })
    assert.deepEqual(await runBurst(components, { signal }), {
      burst: {
        nodes: 2,
        bytes: 7,
        upstream: { blobRequests: 2, blobBytes: 20 },
        seconds: [2, 2],
        directSeconds: 1.235,
      },
    })
    assert.deepEqual(shown.toSorted(), [
      '127.0.0.1:5000 done',
      '127.0.0.1:5000 has 7',
      '127.0.0.2:5000 done',
      '127.0.0.2:5000 has 7',
      '{"blobRequests":2,"blobBytes":20}',
    ])
  })

  test('tells of a pull that failed once the others are over', async () => {
    let isOver = false
    const { components } = setUp(async ({ name }) => {
      if (name === nodes[0]?.name) throw new Error('not to be had')
      await new Promise(resolve => setImmediate(resolve))
      isOver = true
      return { bytes: 7, seconds: 2, from: {} }
    })
    assert.deepEqual(await runBurst(components, { signal }), { failure: 'burst: not to be had' })
    assert.ok(isOver)
  })
})

for (const [rate, bytes] of [
  [undefined, 25_000_000],
  [1_000_000, 2_500_000],
  [1_000_000_000, 30_000_000],
] as const) {
  test(`an upstream of ${rate ?? 'any number of'} bytes a second sends an image of ${bytes} bytes in seconds`, () => {
    const { bytesPerSecond, layerBytes } = planBurst(rate)
    assert.equal(layerBytes.length, 3)
    assert.equal(
      layerBytes.reduce((sum, count) => sum + count, 0),
      bytes,
    )
    assert.equal(bytes / bytesPerSecond, 2.5)
  })
}
