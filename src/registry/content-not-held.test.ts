import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MemoryStore } from '../../test/fakes/memory-store.ts'
import { startNode } from '../../test/mirror/node-under-test.ts'
import { rawExchange } from '../../test/mirror/raw-exchange.ts'
import { ScriptedPeer, serving } from '../../test/mirror/scripted-peer.ts'
import {
  asPeer,
  blob,
  byDigest,
  byTag,
  layer,
  manifest,
  overriding,
  storeWithImage,
} from '../../test/mirror/stored-image.ts'
import { digestOf } from '../oci/digest.ts'
import { OCI_MANIFEST } from '../oci/media-type.ts'
import type { Peer } from '../routing/router.ts'
import { ContentNotFoundError } from '../store/errors.ts'

describe('content that the store can not give', () => {
  const good = serving(manifest, { 'content-type': OCI_MANIFEST })
  const damaged = manifest.toString().replace('sha256', 'sha265')

  for (const content of [damaged, `${damaged} `, damaged.slice(1)].map(text => Buffer.from(text))) {
    test(`comes from a peer where the store's is damaged (${content.length - manifest.length} bytes more)`, async () => {
      const store = new MemoryStore()
      store.putCorrupt(digestOf(manifest), content)
      await using peer = await ScriptedPeer.start(good)
      // The media type of damaged content may be lost as well.
      const described = overriding(store, {
        describe: async digest => ({ digest, size: manifest.length, mediaType: OCI_MANIFEST }),
      })
      await using node = await startNode({ peers: [peer], store: described })
      const response = await rawExchange(node.address, { target: byDigest })
      assert.ok(response.body.equals(manifest))
      assert.equal(response.headers['x-spegel-source'], peer.name)
      assert.equal(node.log.lines.filter(({ level }) => level === 'error').length, 1)
      const mirrored = await rawExchange(node.address, { target: byDigest, headers: asPeer })
      assert.equal(mirrored.status, 404)
    })
  }

  test('comes from a peer where it vanishes while it is asked for', async () => {
    const store = overriding(storeWithImage(), { open: digest => Promise.reject(new ContentNotFoundError(digest)) })
    await using peer = await ScriptedPeer.start(serving(layer))
    await using node = await startNode({ peers: [peer], store })
    assert.ok((await rawExchange(node.address, { target: blob })).body.equals(layer))
  })

  test('is an internal error, told to nobody, where the store fails', async () => {
    const store = overriding(storeWithImage(), { describe: () => Promise.reject(new Error('socket is gone')) })
    await using node = await startNode({ store })
    const response = await rawExchange(node.address, { target: blob })
    assert.equal(response.status, 500)
    assert.doesNotMatch(response.body.toString(), /socket/)
  })

  for (const target of [byTag, byDigest, blob]) {
    test(`is a miss for a peer without asking others: ${target}`, async () => {
      await using peer = await ScriptedPeer.start(good)
      await using node = await startNode({ peers: [peer] })
      const response = await rawExchange(node.address, { target, headers: asPeer })
      assert.equal(response.status, 404)
      assert.deepEqual(node.lookups, [])
      assert.equal(await node.metric('spegel_mirror_miss_total{reason="not_found"}'), 0)
    })
  }

  test('is a miss for a local client where no peer has it either', async () => {
    await using node = await startNode()
    const response = await rawExchange(node.address, { target: blob })
    assert.equal(response.status, 404)
    assert.match(response.body.toString(), /"code":"BLOB_UNKNOWN".*"reason":"not_found"/)
    assert.equal(await node.metric('spegel_mirror_miss_total{reason="not_found"}'), 1)
  })
})

describe('two nodes', () => {
  test('serve each other, whoever is asked', async () => {
    await using holder = await startNode({ store: storeWithImage() })
    const peer = { id: 'holder', registry: holder.address }
    await using node = await startNode({ peers: [peer] })
    for (const [target, content] of [
      [byTag, manifest],
      [byDigest, manifest],
      [blob, layer],
    ] as const) {
      const response = await rawExchange(node.address, { target })
      assert.ok(response.body.equals(content))
      assert.equal(response.headers['x-spegel-source'], `127.0.0.1:${holder.address.port}`)
    }
  })

  test('ask each other once, not in circles, where each believes that the other has it', async () => {
    const [ones, others]: [Peer[], Peer[]] = [[], []]
    await using one = await startNode({ peers: ones })
    await using other = await startNode({ peers: others })
    ones.push({ id: 'other', registry: other.address })
    others.push({ id: 'one', registry: one.address })
    for (const target of [byTag, byDigest, blob]) {
      assert.equal((await rawExchange(one.address, { target })).status, 404)
    }
    // Each key twice: the second time for what may have changed since it was last looked up.
    assert.equal(one.lookups.length, 6)
    assert.deepEqual(other.lookups, [])
  })

  test('ask each other with the credentials they share', async () => {
    const basicAuth = { header: 'Basic shared', verify: (sent: string | undefined) => sent === 'Basic shared' }
    await using holder = await startNode({ store: storeWithImage(), basicAuth })
    await using node = await startNode({ peers: [{ id: 'holder', registry: holder.address }], basicAuth })
    const response = await rawExchange(node.address, { target: blob, headers: { authorization: 'Basic shared' } })
    assert.ok(response.body.equals(layer))
  })

  test('go on to a third where one is busy', async () => {
    await using busy = await startNode({ store: storeWithImage(), maxUploads: 0 })
    await using holder = await startNode({ store: storeWithImage() })
    const peers = [busy, holder].map((node, index) => ({ id: `peer${index}`, registry: node.address }))
    await using node = await startNode({ peers })
    const response = await rawExchange(node.address, { target: blob })
    assert.equal(response.headers['x-spegel-source'], `127.0.0.1:${holder.address.port}`)
    assert.equal(await node.metric('spegel_peer_failures_total{reason="busy"}'), 1)
  })
})
