import assert from 'node:assert/strict'
import { mkdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { describe, test } from 'node:test'
import { content, taggedImage, type WatcherSettings, watchedContainerd } from '../../../test/containerd/watcher-rig.ts'
import { sampleTag } from '../../../test/contracts/sample-image.ts'
import { type WatcherFixture, watcherContract } from '../../../test/contracts/watcher-contract.ts'
import { until } from '../../../test/until.ts'
import { digestOf } from '../../oci/digest.ts'
import { MAX_RECHECKS } from './pending-changes.ts'

function fixture(settings: WatcherSettings): () => Promise<WatcherFixture> {
  return async () => {
    const { containerd, watcher, [Symbol.asyncDispose]: dispose } = await watchedContainerd(settings)
    return {
      watcher,
      put: bytes => containerd.put(bytes),
      tag: (reference, digest) => containerd.tag(reference, digest),
      untag: async reference => containerd.untag(reference),
      remove: digest => containerd.collect(digest),
      [Symbol.asyncDispose]: dispose,
    }
  }
}

watcherContract('ContainerdWatcher', fixture({}))
watcherContract('ContainerdWatcher of 2.1', fixture({ contentEvents: true }))
watcherContract('ContainerdWatcher without a directory', fixture({ directory: 'none', resyncIntervalMs: 10 }))

describe('content that comes', () => {
  test('without an image is told, each piece by one call and without a list', async () => {
    await using node = await watchedContainerd()
    await using followed = node.follow()
    await followed.until([])
    const lists = node.calls('Content.List')
    const digests = []
    for (const text of ['a', 'b', 'c']) digests.push(await node.containerd.put(Buffer.from(text)))
    await followed.until(digests.map(digest => content(digest)))
    assert.equal(node.calls('Content.List'), lists)
    assert.ok(node.calls('Content.Info') >= digests.length)
  })

  test('as a file before its record is told once it is recorded', async () => {
    await using node = await watchedContainerd()
    await using followed = node.follow()
    await followed.until([])
    const digest = await node.containerd.put(Buffer.from('early'), 'another namespace')
    const told = followed.until([content(digest)])
    await until(() => node.calls('Content.Info') >= 2)
    node.containerd.hold(digest)
    await told
  })

  test('as a file that is never recorded is asked for a few times only', async () => {
    await using node = await watchedContainerd()
    await using followed = node.follow()
    await followed.until([])
    await node.containerd.put(Buffer.from('theirs'), 'other')
    const told = followed.until([content(digestOf(Buffer.from('ours')))])
    await until(() => node.calls('Content.Info') === 1 + MAX_RECHECKS)
    await node.containerd.put(Buffer.from('ours'))
    await told
    assert.equal(node.calls('Content.Info'), 2 + MAX_RECHECKS)
  })

  test('to another namespace is not told', async () => {
    await using node = await watchedContainerd()
    const theirs = await node.containerd.put(Buffer.from('theirs, from the start'), 'other')
    await using followed = node.follow()
    await followed.until([])
    await node.containerd.put(Buffer.from('theirs, later'), 'other')
    const ours = await node.containerd.put(Buffer.from('ours'))
    await followed.until([content(ours)])
    assert.ok(followed.events.every(event => event.entries.every(entry => entry.digest !== theirs)))
  })

  test('in a burst too large to be asked for piece by piece is listed', async () => {
    await using node = await watchedContainerd()
    await using followed = node.follow()
    await followed.until([])
    const digests = await Promise.all(
      Array.from({ length: 600 }, (_, number) => node.containerd.put(Buffer.from(`piece ${number}`))),
    )
    await followed.until(digests.map(digest => content(digest)))
    await Promise.all(digests.map(digest => node.containerd.collect(digest)))
    await followed.until([])
  })

  test('to a directory that is made only with the first of it is told', async () => {
    await using node = await watchedContainerd()
    await rm(path.join(node.containerd.contentDirectory, 'blobs'), { recursive: true })
    await using followed = node.follow()
    await followed.until([])
    await mkdir(path.join(node.containerd.contentDirectory, 'blobs', 'sha256'), { recursive: true })
    const digest = await node.containerd.put(Buffer.from('the first'))
    await followed.until([content(digest)])
  })

  test('is told by an event where the directory cannot be read', async () => {
    await using node = await watchedContainerd({ directory: 'none', contentEvents: true })
    await using followed = node.follow()
    await followed.until([])
    const digest = await node.containerd.put(Buffer.from('told'))
    await followed.until([content(digest)])
    await node.containerd.remove(digest)
    await followed.until([])
  })
})

describe('content that goes', () => {
  test('by garbage collection, which tells nothing, is told as removed', async () => {
    await using node = await watchedContainerd()
    const { digest, parts } = await node.putImage()
    await node.containerd.tag(sampleTag, digest)
    await using followed = node.follow()
    await followed.until(taggedImage(digest, parts))
    node.containerd.untag(sampleTag)
    for (const part of [digest, ...parts]) await node.containerd.collect(part)
    const marker = await node.containerd.put(Buffer.from('marker'))
    await followed.until([content(marker)])
  })

  test('behind the back of containerd is told as removed, and stays so when everything is listed again', async () => {
    await using node = await watchedContainerd({ resyncIntervalMs: 10 })
    const [gone, kept] = [
      await node.containerd.put(Buffer.from('gone')),
      await node.containerd.put(Buffer.from('kept')),
    ]
    await using followed = node.follow()
    await followed.until([content(gone), content(kept)])
    await rm(node.containerd.blob(gone))
    await followed.until([content(kept)])
    const lists = node.calls('Content.List')
    const told = followed.events.length
    const marker = followed.until([content(kept), content(digestOf(Buffer.from('marker')))])
    await until(() => node.calls('Content.List') > lists + 1)
    await node.containerd.put(Buffer.from('marker'))
    await marker
    assert.equal(followed.events.length, told + 1)
  })

  test('from this namespace only is noticed after an image is deleted', async () => {
    await using node = await watchedContainerd({ collectDelayMs: 1 })
    const { digest, parts } = await node.putImage()
    await node.containerd.tag(sampleTag, digest)
    await using followed = node.follow()
    await followed.until(taggedImage(digest, parts))
    for (const part of [digest, ...parts]) node.containerd.release(part)
    node.containerd.untag(sampleTag)
    const marker = await node.containerd.put(Buffer.from('marker'))
    await followed.until([content(marker)])
  })
})
