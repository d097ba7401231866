import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { content, taggedImage, watchedContainerd } from '../../../test/containerd/watcher-rig.ts'
import { sampleTag } from '../../../test/contracts/sample-image.ts'
import { digestOf } from '../../oci/digest.ts'
import { formatReference } from '../../oci/reference.ts'
import { compileFilters } from '../../oci/registry-filter.ts'
import type { StoreEntry } from '../watcher.ts'

const { registry, repository } = sampleTag

describe('images', () => {
  test('that come are told with their parts, which are told under no registry before', async () => {
    await using node = await watchedContainerd()
    await using followed = node.follow()
    await followed.until([])
    const { digest, parts } = await node.putImage()
    await followed.until([digest, ...parts].map(part => content(part)))
    const lists = node.calls('Content.List')
    await node.containerd.tag(sampleTag, digest)
    await followed.until(taggedImage(digest, parts))
    assert.equal(node.calls('Content.List'), lists)
  })

  test('whose content another namespace had already are told whole', async () => {
    await using node = await watchedContainerd()
    const { digest, parts } = await node.putImage()
    for (const part of [digest, ...parts]) node.containerd.release(part)
    await using followed = node.follow()
    await followed.until([])
    for (const part of [digest, ...parts]) node.containerd.hold(part)
    await node.containerd.tag(sampleTag, digest)
    await followed.until(taggedImage(digest, parts))
  })

  test('are told where the directory cannot be read, without a list', async () => {
    await using node = await watchedContainerd({ directory: 'none' })
    await using followed = node.follow()
    await followed.until([])
    const { digest, parts } = await node.putImage()
    await node.containerd.tag(sampleTag, digest)
    await followed.until(taggedImage(digest, parts))
    assert.equal(node.calls('Content.List'), 1)
  })

  test('are known by the names that are references; a bare id or a short name is not even asked for', async () => {
    await using node = await watchedContainerd()
    const { digest, parts } = await node.putImage()
    const target = { digest, size: 1, mediaType: 'application/octet-stream' }
    node.containerd.setImage(digest, target)
    await using followed = node.follow()
    await followed.until([digest, ...parts].map(part => content(part)))
    node.containerd.setImage(`sha256:${'0'.repeat(64)}`, target)
    node.containerd.setImage('busybox', target)
    node.containerd.setImage(`${registry}/${repository}@${digest}`, target)
    await followed.until([{ kind: 'image', registry, digest }, ...parts.map(part => content(part, registry))])
    assert.equal(node.calls('Images.Get'), 1)
    assert.deepEqual(node.log.lines, [])
  })

  test('in a burst too large to be asked for one by one are listed', async () => {
    await using node = await watchedContainerd()
    await using followed = node.follow()
    await followed.until([])
    const { digest, parts } = await node.putImage()
    const tags = Array.from({ length: 600 }, (_, number) => ({ ...sampleTag, tag: `v${number}` }))
    await Promise.all(tags.map(reference => node.containerd.tag(reference, digest)))
    await followed.until([
      ...tags.map(reference => ({ kind: 'tag', reference, digest }) as const),
      { kind: 'image', registry, digest },
      ...parts.map(part => content(part, registry)),
    ])
  })

  test('of a kind that is no manifest are told without parts, and read once', async () => {
    await using node = await watchedContainerd()
    const digest = await node.containerd.put(Buffer.from('{"schemaVersion":1}'))
    await node.containerd.tag(sampleTag, digest)
    await using followed = node.follow()
    await followed.until(taggedImage(digest, []))
    const more = await node.containerd.put(Buffer.from('more'))
    await followed.until([...taggedImage(digest, []), content(more)])
    assert.equal(node.log.lines.length, 1)
    assert.equal(node.log.lines[0]?.level, 'debug')
  })
})

describe('a filter', () => {
  const filter = compileFilters({ mirroredRegistries: [], registryFilters: [':secret$'] })
  const secret = { ...sampleTag, tag: 'secret' }

  test('withholds what only excluded images use, from the first look on and as names come and go', async () => {
    await using node = await watchedContainerd({ filter })
    const { digest, parts } = await node.putImage()
    const loose = await node.containerd.put(Buffer.from('loose'))
    await node.containerd.tag(secret, digest)
    assert.ok(node.watcher.withheld.has(loose), 'before the first look anything may be excluded')
    await using followed = node.follow()
    await followed.until([])
    const withheld = () => [digest, ...parts, loose].map(it => node.watcher.withheld.has(it))
    assert.deepEqual(withheld(), [true, ...parts.map(() => true), true])
    await node.containerd.tag(sampleTag, digest)
    await followed.until(taggedImage(digest, parts))
    assert.deepEqual(withheld(), [false, ...parts.map(() => false), true])
    node.containerd.untag(sampleTag)
    await followed.until([])
    assert.deepEqual(withheld(), [true, ...parts.map(() => true), true])
  })

  test('withholds what comes without a name, seen or not, until an image that passes has it', async () => {
    await using node = await watchedContainerd({ filter })
    await using followed = node.follow()
    await followed.until([])
    const { digest, parts } = await node.putImage()
    assert.ok([digest, ...parts].every(part => node.watcher.withheld.has(part)))
    const other = await node.containerd.put(Buffer.from('{"schemaVersion":1}'))
    await node.containerd.tag({ ...sampleTag, tag: 'other' }, other)
    const known: readonly StoreEntry[] = [
      { kind: 'tag', reference: { ...sampleTag, tag: 'other' }, digest: other },
      { kind: 'image', registry, digest: other },
    ]
    await followed.until(known)
    assert.ok([digest, ...parts].every(part => node.watcher.withheld.has(part)))
    await node.containerd.tag(sampleTag, digest)
    await followed.until([...known, ...taggedImage(digest, parts)])
    const told = followed.events.flatMap(event => event.entries)
    assert.equal(told.length, known.length + taggedImage(digest, parts).length, 'nothing was told before its time')
    assert.ok([digest, ...parts].every(part => !node.watcher.withheld.has(part)))
  })

  test('withholds what an excluded tag leaves behind under its digest', async () => {
    await using node = await watchedContainerd({ filter })
    const { digest, parts } = await node.putImage()
    await node.containerd.tag(secret, digest)
    const target = { digest, size: 1, mediaType: 'application/octet-stream' }
    node.containerd.setImage(formatReference({ kind: 'digest', registry, repository, digest }), target)
    await using followed = node.follow()
    await followed.until([])
    const next = await node.containerd.put(Buffer.from('{"schemaVersion":1}'))
    await node.containerd.tag(secret, next)
    const marker = { ...sampleTag, tag: 'marker' }
    await node.containerd.tag(marker, next)
    await followed.until([
      { kind: 'tag', reference: marker, digest: next },
      { kind: 'image', registry, digest: next },
    ])
    assert.ok([digest, ...parts].every(part => node.watcher.withheld.has(part)))
  })

  test('keeps an image from being told under the digest that CRI also names it by', async () => {
    await using node = await watchedContainerd({ filter })
    const { digest } = await node.putImage()
    await node.containerd.tag(secret, digest)
    const target = { digest, size: 1, mediaType: 'application/octet-stream' }
    node.containerd.setImage(formatReference({ kind: 'digest', registry, repository, digest }), target)
    await using followed = node.follow()
    await followed.until([])
  })

  test('that excludes nothing withholds nothing, even before the first look', async () => {
    await using node = await watchedContainerd()
    assert.equal(node.watcher.withheld.has(digestOf(Buffer.from('any'))), false)
  })
})
