import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleImage, sampleTag } from '../../../test/contracts/sample-image.ts'
import { RegistryServer } from '../../../test/fakes/registry-server.ts'
import {
  assertPulled,
  breakOff,
  fill,
  forContent,
  image,
  imageBytes,
  largeLayer,
  setScene,
  smallLayer,
} from '../../../test/pull/scene.ts'
import { digestOf } from '../../oci/digest.ts'
import { UnavailableError } from './errors.ts'

for (const status of [401, 403, 404, 408, 429, 500, 503]) {
  test(`a mirror that answers ${status} does not keep the image from being pulled`, async () => {
    await using scene = await setScene()
    scene.mirror.intercept = (_, response) => response.writeHead(status).end() !== undefined
    assert.deepEqual((await scene.pull()).from, { upstream: imageBytes })
  })
}

test('a mirror that is not there does not keep the image from being pulled', async () => {
  await using scene = await setScene()
  await using gone = await RegistryServer.start()
  const mirror = gone.url
  await gone[Symbol.asyncDispose]()
  await using other = await setScene()
  assert.deepEqual((await other.pull({ mirror })).from, { upstream: imageBytes })
  assert.deepEqual((await scene.pull({ mirror: undefined })).from, { upstream: imageBytes })
})

test('requests are those of containerd: the mirror is told the registry, manifests and blobs are asked for by type', async () => {
  await using scene = await setScene()
  await scene.pull()
  for (const { url, headers } of scene.mirror.requests) {
    assert.equal(new URL(url, scene.mirror.url).search, '?ns=registry.example%3A5000')
    assert.match(headers.accept ?? '', /, \*\/\*$/)
    assert.equal(headers.range, undefined)
    assert.equal(headers.authorization, undefined)
  }
})

for (const [head, status, headers] of [
  ['without a digest', 200, { 'content-length': image.index.content.length }],
  ['without a length', 200, { 'docker-content-digest': digestOf(image.index.content) }],
  ['with 405', 405, {}],
] as const) {
  test(`a mirror that answers a HEAD ${head} is asked for the whole manifest`, async () => {
    await using scene = await setScene()
    fill(scene.mirror)
    scene.mirror.intercept = (request, response) => {
      if (request.method !== 'HEAD') return false
      response.writeHead(status, { 'content-type': image.index.mediaType, ...headers }).end()
      return true
    }
    assert.deepEqual((await scene.pull()).from, { [scene.mirror.url.host]: imageBytes })
    assert.equal(scene.mirror.paths()[0], '/v2/library/sample/manifests/v1')
  })
}

test('a host that announces another size is passed over', async () => {
  await using scene = await setScene()
  fill(scene.mirror)
  scene.mirror.intercept = forContent(largeLayer, 1, response =>
    response.writeHead(200, { 'content-length': 3 }).end('abc'),
  )
  const { from } = await scene.pull()
  assert.equal(from['upstream'], largeLayer.length)
})

for (const [what, answer] of [
  ['no manifest', { 'content-type': 'text/html', 'docker-content-digest': digestOf(image.index.content) }],
  [
    'a manifest of another digest',
    { 'content-type': image.index.mediaType, 'docker-content-digest': digestOf(smallLayer) },
  ],
] as const) {
  test(`a mirror that answers a HEAD of a digest with ${what} is passed over`, async () => {
    await using scene = await setScene()
    const { registry, repository } = sampleTag
    const reference = { kind: 'digest', registry, repository, digest: digestOf(image.index.content) } as const
    scene.mirror.intercept = (request, response) => {
      if (request.method !== 'HEAD') return false
      response.writeHead(200, { ...answer, 'content-length': image.index.content.length }).end()
      return true
    }
    assert.equal((await scene.pull({ reference })).digest, reference.digest)
    assert.equal(scene.upstream.paths('HEAD').length, 1)
  })
}

for (const algorithm of ['sha256', 'sha512'] as const) {
  const digest = digestOf(image.index.content, algorithm)
  const reference = { ...sampleTag, kind: 'digest', digest } as const

  test(`a mirror that does not tell digests cannot pass off another manifest for one by ${algorithm}`, async () => {
    await using scene = await setScene()
    const other = sampleImage('other').manifest
    scene.mirror.put(other.content)
    scene.mirror.intercept = (request, response) => {
      if (request.method === 'HEAD') response.writeHead(405).end()
      else response.writeHead(200, { 'content-type': other.mediaType }).end(other.content)
      return true
    }
    scene.upstream.intercept = (_, response) => response.writeHead(404).end() !== undefined
    await assert.rejects(scene.pull({ reference }), (error: unknown) => {
      assert.ok(error instanceof UnavailableError)
      return error.failures[0]?.message.includes(`answers ${digest} with ${digestOf(other.content, algorithm)}`)
    })
  })

  test(`a manifest by ${algorithm} is pulled from a host that does not tell digests`, async () => {
    await using scene = await setScene()
    scene.upstream.put(image.index.content, digest)
    scene.upstream.intercept = ({ method }, response) => {
      return method === 'HEAD' && response.writeHead(405).end() !== undefined
    }
    assert.equal((await scene.pull({ reference })).digest, digest)
  })
}

test('a host that sends another range than was asked for is passed over', async () => {
  await using scene = await setScene()
  let asked = 0
  scene.mirror.intercept = forContent(largeLayer, 2, response => {
    asked += 1
    if (asked === 1) return breakOff(largeLayer, 150_000)(response)
    response.writeHead(206, { 'content-range': `bytes 0-9/${largeLayer.length}` }).end(largeLayer.subarray(0, 10))
  })
  await scene.pull()
  await assertPulled(scene.into)
  const rest = scene.upstream.requests.findLast(({ url }) => url.includes(digestOf(largeLayer)))
  assert.match(rest?.headers.range ?? '', /^bytes=[1-9][0-9]*-$/)
})
