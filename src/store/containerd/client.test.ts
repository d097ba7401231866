import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import { FakeContainerd } from '../../../test/containerd/fake-containerd.ts'
import { sampleImage, sampleTag } from '../../../test/contracts/sample-image.ts'
import { patience } from '../../../test/contracts/store-contract.ts'
import { MemoryLog } from '../../../test/fakes/memory-log.ts'
import { until } from '../../../test/until.ts'
import { digestOf } from '../../oci/digest.ts'
import { formatReference } from '../../oci/reference.ts'
import { ContentNotFoundError } from '../errors.ts'
import { createContainerdClient } from './client.ts'
import { ContainerdUnavailableError } from './errors.ts'
import type { Containerd, ContainerdEvent } from './services.ts'

const image = sampleImage()
const name = formatReference(sampleTag)

function clientOf(fake: FakeContainerd, namespace = fake.namespace): Containerd {
  return createContainerdClient({ log: new MemoryLog() }, { socket: fake.socket, namespace })
}

/** The next event, or what the stream fails with. */
async function nextOf(events: AsyncIterator<ContainerdEvent>): Promise<ContainerdEvent | undefined> {
  const { value, done } = await events.next()
  return done === true ? undefined : value
}

test('images are listed and got in the namespace of the client, and what is not there is not found', async () => {
  await using fake = await FakeContainerd.start()
  await using client = clientOf(fake)
  await using other = clientOf(fake, 'default')
  const { content, mediaType } = image.manifest
  const digest = await fake.put(content)
  await fake.tag(sampleTag, digest)
  const record = { name, target: { digest, size: content.length, mediaType } }
  assert.deepEqual(await client.images.list({ signal: patience() }), [record])
  assert.deepEqual(await client.images.get(name, { signal: patience() }), record)
  assert.deepEqual(await other.images.list({ signal: patience() }), [])
  await assert.rejects(other.images.get(name, { signal: patience() }), new ContentNotFoundError(name))
})

test('an image that points at nothing with a digest we know is left out', async () => {
  await using fake = await FakeContainerd.start()
  await using client = clientOf(fake)
  const digest = await fake.put(image.manifest.content)
  fake.setImage('odd', { digest: 'md5:00' as typeof digest, size: 1, mediaType: 'x' })
  fake.setImage('fine', { digest, size: 1, mediaType: 'text\nx' })
  assert.deepEqual(await client.images.list({ signal: patience() }), [
    { name: 'fine', target: { digest, size: 1, mediaType: 'application/octet-stream' } },
  ])
  await assert.rejects(client.images.get('odd', { signal: patience() }), ContentNotFoundError)
})

test('content is listed over several pages, and told by its size', async () => {
  await using fake = await FakeContainerd.start()
  await using client = clientOf(fake)
  const digests = new Set<string>()
  for (let count = 0; count < 250; count++) digests.add(await fake.put(Buffer.from(`${count}`)))
  const listed = await Array.fromAsync(client.content.list({ signal: patience() }))
  assert.deepEqual(new Set(listed.map(({ digest }) => digest)), digests)
  const digest = digestOf(Buffer.from('249'))
  assert.deepEqual(await client.content.info(digest, { signal: patience() }), { digest, size: 3 })
  await fake.collect(digest)
  await assert.rejects(client.content.info(digest, { signal: patience() }), new ContentNotFoundError(digest))
})

test('content is read in order from an offset on, as much as is asked for', async () => {
  await using fake = await FakeContainerd.start()
  await using client = clientOf(fake)
  const content = Buffer.alloc(3_000_000, 'some words ')
  const digest = await fake.put(content)
  for (const [offset, length] of [
    [0, 3_000_000],
    [10, 2_500_000],
    [2_999_999, 1],
    [5, 0],
  ] as const) {
    const pieces = await Array.fromAsync(client.content.read({ digest, offset, length }, { signal: patience() }))
    assert.ok(Buffer.concat(pieces).equals(content.subarray(offset, offset + length)))
  }
})

test('events are told in order once subscribed, and those of other namespaces and topics are not', async () => {
  await using fake = await FakeContainerd.start({ contentEvents: true })
  await using client = clientOf(fake)
  const events = client.events.subscribe({ signal: patience() })[Symbol.asyncIterator]()
  assert.deepEqual(await nextOf(events), { kind: 'subscribed' })
  const digest = await fake.put(image.manifest.content, 'default')
  await fake.put(image.manifest.content)
  await fake.tag(sampleTag, digest)
  fake.setImage(name, { digest, size: 1, mediaType: 'x' }, 'default')
  await fake.tag(sampleTag, digest)
  fake.untag(sampleTag)
  await fake.remove(digest)
  const expected: ContainerdEvent[] = [
    { kind: 'content-created', digest },
    { kind: 'image-created', name },
    { kind: 'image-updated', name },
    { kind: 'image-deleted', name },
    { kind: 'content-deleted', digest },
  ]
  for (const event of expected) assert.deepEqual(await nextOf(events), event)
  await events.return?.()
})

test('a subscription that is left, or whose signal aborts, ends on the side of containerd too', async () => {
  await using fake = await FakeContainerd.start()
  await using client = clientOf(fake)
  for await (const event of client.events.subscribe({ signal: patience() })) {
    assert.equal(event.kind, 'subscribed')
    break
  }
  await until(() => fake.subscribers === 0)
  const controller = new AbortController()
  const events = client.events.subscribe({ signal: controller.signal })[Symbol.asyncIterator]()
  await nextOf(events)
  const reason = new Error('enough')
  const ended = assert.rejects(nextOf(events), reason)
  controller.abort(reason)
  await ended
  await until(() => fake.subscribers === 0)
})

for (const crash of [true, false]) {
  test(`when containerd ${crash ? 'crashes' : 'stops'} calls fail as unavailable, and succeed once it runs again`, async () => {
    await using fake = await FakeContainerd.start()
    await using client = clientOf(fake)
    const events = client.events.subscribe({ signal: patience() })[Symbol.asyncIterator]()
    await nextOf(events)
    const broken = assert.rejects(nextOf(events), ContainerdUnavailableError)
    await fake.stop({ crash })
    await broken
    const reason = crash ? 'connection refused' : 'the socket does not exist'
    await assert.rejects(client.images.list({ signal: patience() }), {
      name: 'ContainerdUnavailableError',
      message: `containerd at ${fake.socket}: ${reason}`,
    })
    await fake.start()
    assert.deepEqual(await client.images.list({ signal: patience() }), [])
    const again = client.events.subscribe({ signal: patience() })[Symbol.asyncIterator]()
    assert.deepEqual(await nextOf(again), { kind: 'subscribed' })
    await again.return?.()
  })
}

for (const [what, answer] of [
  ['HTTP/1', 'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'],
  ['garbage', 'SSH-2.0-none\r\n'],
  ['nothing', ''],
] as const) {
  test(`calls to a server that answers ${what} fail one by one, and nothing fails beside them`, async () => {
    await using fake = await FakeContainerd.create()
    await using client = clientOf(fake)
    await using server = net.createServer(socket => socket.on('error', () => {}).once('data', () => socket.end(answer)))
    await once(server.listen(fake.socket), 'listening')
    for (let round = 0; round < 50; round++) {
      const calls = [1, 2, 3].map(() => {
        return assert.rejects(client.introspection.version({ signal: patience() }), {
          name: /^Containerd(?:Unavailable)?Error$/,
        })
      })
      await Promise.all(calls)
    }
  })
}

test('a call whose signal is aborted rejects with its reason', async () => {
  await using fake = await FakeContainerd.start()
  await using client = clientOf(fake)
  const reason = new Error('given up')
  const signal = AbortSignal.abort(reason)
  await assert.rejects(client.images.list({ signal }), reason)
  await assert.rejects(client.introspection.version({ signal }), reason)
  await assert.rejects(Array.fromAsync(client.content.list({ signal })), reason)
})

test('containerd tells its version and where content is', async () => {
  await using fake = await FakeContainerd.start({ version: 'v2.1.4' })
  await using client = clientOf(fake)
  assert.equal(await client.introspection.version({ signal: patience() }), 'v2.1.4')
  assert.equal(await client.introspection.contentDirectory({ signal: patience() }), fake.contentDirectory)
})
