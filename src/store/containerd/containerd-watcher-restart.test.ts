import assert from 'node:assert/strict'
import { cp, rename } from 'node:fs/promises'
import path from 'node:path'
import { describe, test } from 'node:test'
import { content, taggedImage, watchedContainerd } from '../../../test/containerd/watcher-rig.ts'
import { sampleTag } from '../../../test/contracts/sample-image.ts'
import { patience } from '../../../test/contracts/store-contract.ts'
import { until } from '../../../test/until.ts'
import { type Digest, digestOf } from '../../oci/digest.ts'
import type { StoreEntry } from '../watcher.ts'
import { ContainerdUnavailableError } from './errors.ts'

function tagged(name: string, digest: Digest): StoreEntry {
  return { kind: 'tag', reference: { ...sampleTag, tag: name }, digest }
}

describe('a containerd that restarts', () => {
  test('takes back nothing while it is away, and what changed meanwhile is told when it is back', async () => {
    await using node = await watchedContainerd()
    const { digest, parts } = await node.putImage()
    await node.containerd.tag(sampleTag, digest)
    await node.containerd.tag({ ...sampleTag, tag: 'v0' }, digest)
    const loose = await node.containerd.put(Buffer.from('loose'))
    await using followed = node.follow()
    const kept = taggedImage(digest, parts)
    await followed.until([...kept, tagged('v0', digest), content(loose)])
    await node.containerd.stop({ crash: true })
    await node.containerd.collect(loose)
    node.containerd.untag({ ...sampleTag, tag: 'v0' })
    const later = await node.containerd.put(Buffer.from('later'))
    await node.containerd.tag({ ...sampleTag, tag: 'v2' }, digest)
    await node.containerd.start()
    const changed = [...kept, tagged('v2', digest), content(later)]
    await followed.until(changed)
    assert.deepEqual(
      followed.events.map(event => event.type),
      ['snapshot', 'removed', 'added'],
    )
    const more = await node.containerd.put(Buffer.from('more'))
    await followed.until([...changed, content(more)])
  })

  test('again and again is followed each time, with one subscription at most', async () => {
    await using node = await watchedContainerd()
    await using followed = node.follow()
    const held: StoreEntry[] = []
    await followed.until(held)
    for (const text of ['one', 'two', 'three']) {
      await node.containerd.stop()
      held.push(content(await node.containerd.put(Buffer.from(text))))
      await node.containerd.start()
      await followed.until(held)
      assert.equal(node.containerd.subscribers, 1)
    }
  })

  test('is known, while it is away, to hold what was told last, and no more', async () => {
    await using node = await watchedContainerd()
    const [held, gone] = [
      await node.containerd.put(Buffer.from('held')),
      await node.containerd.put(Buffer.from('gone')),
    ]
    const foreign = await node.containerd.put(Buffer.from('of another namespace'), 'moby')
    await using followed = node.follow()
    await followed.until([content(held), content(gone)])
    await node.containerd.collect(gone)
    await followed.until([content(held)])
    await node.containerd.stop()
    const check = (digest: Digest): Promise<void> => node.holdings.check(digest, { signal: patience() })
    await check(held)
    for (const digest of [gone, foreign]) await assert.rejects(check(digest), ContainerdUnavailableError)
  })

  test('is waited for where it does not run yet', async () => {
    await using node = await watchedContainerd()
    await node.containerd.stop()
    await using followed = node.follow()
    const told = followed.until([])
    await node.containerd.start()
    await told
  })
})

describe('the content directory', () => {
  test('that becomes readable, or another, is watched from then on', async () => {
    let seen: string | undefined
    await using node = await watchedContainerd({ directory: () => seen, rearmIntervalMs: 5 })
    await using followed = node.follow()
    await followed.until([])
    const told = followed.until([content(digestOf(Buffer.from('noticed')))])
    seen = node.containerd.contentDirectory
    await until(() => node.calls('Content.List') > 1)
    await node.containerd.put(Buffer.from('noticed'))
    await told
  })

  test('that is replaced by another at its path is watched from then on', async () => {
    await using node = await watchedContainerd()
    const blobs = path.join(node.containerd.contentDirectory, 'blobs')
    const digest = await node.containerd.put(Buffer.from('kept'))
    await using followed = node.follow()
    await followed.until([content(digest)])
    await cp(blobs, `${blobs}.copy`, { recursive: true })
    await rename(blobs, `${blobs}.moved`)
    await followed.until([])
    await rename(`${blobs}.copy`, blobs)
    await followed.until([content(digest)])
    const more = await node.containerd.put(Buffer.from('more'))
    await followed.until([content(digest), content(more)])
  })

  test('that is of another containerd has nothing to serve, and is named', async () => {
    await using node = await watchedContainerd({ directory: real => path.dirname(real) })
    await node.containerd.put(Buffer.from('elsewhere'))
    await using followed = node.follow()
    await followed.until([])
    assert.deepEqual(
      node.log.lines.map(({ level, message, fields }) => [level, message, fields['directory']]),
      [
        [
          'warn',
          'none of the content that containerd lists is in the content directory',
          path.dirname(node.containerd.contentDirectory),
        ],
      ],
    )
  })
})
