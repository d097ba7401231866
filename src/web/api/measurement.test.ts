import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleImage, sampleTag } from '../../../test/contracts/sample-image.ts'
import type { PeerClient } from '../../http/peer-client.ts'
import { digestOf } from '../../oci/digest.ts'
import { parsePlatform } from '../../oci/platform.ts'
import { Measurement } from './measurement.ts'

const image = sampleImage()
const parts = [image.index, image.manifest, image.config, ...image.layers]

interface Answer {
  readonly status?: number
  readonly content: Buffer
  /** Where it is not that of the content. */
  readonly digest?: string
}

/** A registry that has the sample image under its tag; `change` makes of each answer what it is to be. */
function registry(change: (answer: Answer) => Answer = answer => answer): PeerClient {
  const contents = new Map<string, Buffer>(parts.map(({ content }) => [digestOf(content), content]))
  contents.set(sampleTag.tag, image.index.content)
  return {
    async request({ target }) {
      const reference = /\/(?:manifests|blobs)\/([^?]+)/.exec(target)?.[1] ?? ''
      const found = contents.get(reference)
      const {
        status = 200,
        content,
        digest,
      } = change(found === undefined ? { status: 404, content: Buffer.alloc(0) } : { content: found })
      const chunks = [content.subarray(0, 100), content.subarray(100)]
      return {
        status,
        headers: {
          'content-length': String(content.length),
          'docker-content-digest': digest ?? digestOf(content),
          'x-spegel-source': '10.0.0.2:5000',
        },
        body: { read: async () => chunks.shift(), destroy: () => {} },
      }
    },
    close: async () => {},
  }
}

async function measured(peerClient: PeerClient, platform = 'linux/amd64') {
  const components = { peerClient, registry: { host: '127.0.0.1', port: 5000 } }
  const measurement = new Measurement(components, { reference: sampleTag, platform: parsePlatform(platform) })
  await measurement.run({ signal: new AbortController().signal })
  return measurement.state()
}

test('a measurement fetches the index, what is for the platform, and all that belongs to it', async () => {
  const { pieces, bytes, done, error } = await measured(registry())
  assert.deepEqual([done, error], [true, undefined])
  assert.deepEqual(
    pieces.map(({ kind }) => kind),
    ['index', 'manifest', 'config', 'layer', 'layer'],
  )
  assert.deepEqual(
    pieces.map(({ digest }) => digest),
    parts.map(({ content }) => digestOf(content)),
  )
  assert.equal(
    bytes,
    parts.reduce((sum, { content }) => sum + content.length, 0),
  )
})

for (const [is, change, error] of [
  ['what is not there', () => ({ status: 404, content: Buffer.alloc(0) }), 'no node has it'],
  ['a mirror that refuses', () => ({ status: 503, content: Buffer.alloc(0) }), 'the mirror answers 503'],
  [
    'content that is not what its digest says',
    ({ content }) => ({ content: Buffer.from(content).fill(0, 0, 1), digest: digestOf(content) }),
    'what came is not what was asked for',
  ],
  ['an answer without a digest', ({ content }) => ({ content, digest: 'x' }), 'the mirror does not say what it sends'],
  ['a manifest without end', () => ({ content: Buffer.alloc(5 * 1024 * 1024) }), 'the manifest is too large'],
] satisfies readonly (readonly [string, (answer: Answer) => Answer, string])[]) {
  test(`a measurement tells of ${is}`, async () => {
    const state = await measured(registry(change))
    assert.deepEqual([state.done, state.error], [true, error])
    assert.equal(state.pieces.at(-1)?.error, error)
  })
}

test('an image for other platforms is told as such', async () => {
  const { error } = await measured(registry(), 'windows/arm64')
  assert.equal(error, 'the image has nothing for the platform of this node')
})
