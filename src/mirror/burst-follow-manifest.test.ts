import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { inBurst } from '../../test/mirror/burst-rig.ts'
import { rawExchange } from '../../test/mirror/raw-exchange.ts'
import { serving } from '../../test/mirror/scripted-peer.ts'
import { digestOf } from '../oci/digest.ts'
import { OCI_MANIFEST } from '../oci/media-type.ts'

describe('a request for a manifest that nobody has', () => {
  const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, config: {}, layers: [] }))
  const name = digestOf(manifest)
  const asked = { target: `/v2/library/busybox/manifests/${name}?ns=docker.io` }
  const good = serving(manifest, { 'content-type': OCI_MANIFEST })

  test('is answered by the peer that is fetching it', async () => {
    await using at = await inBurst([good])
    at.node.store.begin(name, manifest.length)
    const response = await rawExchange(at.node.address, asked)
    assert.ok(response.body.equals(manifest))
    assert.equal(await at.node.metric('spegel_served_bytes_total{source="in_progress"}'), manifest.length)
  })

  test('is answered by another where what the first sends is not the manifest', async () => {
    const wrong = Buffer.from(manifest.toString().replace('2', '3'))
    const lying = serving(wrong, { 'content-type': OCI_MANIFEST, 'docker-content-digest': name })
    await using at = await inBurst([lying, good])
    at.node.store.begin(name, manifest.length)
    assert.ok((await rawExchange(at.node.address, asked)).body.equals(manifest))
    assert.deepEqual(at.claims[1]?.lost, ['parent0'])
  })

  test('is a miss where all that is sent is not the manifest', async () => {
    const lying = serving(Buffer.alloc(manifest.length, ' '), {
      'content-type': OCI_MANIFEST,
      'docker-content-digest': name,
    })
    await using at = await inBurst([lying, lying])
    at.node.store.begin(name, manifest.length)
    assert.equal((await rawExchange(at.node.address, asked)).status, 404)
  })
})
