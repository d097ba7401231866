import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, test } from 'node:test'
import { digestHex, digestOf } from '../../src/oci/digest.ts'
import { type Cluster, startCluster } from '../integration/cluster.ts'
import { temporaryDirectory } from '../temporary-directory.ts'
import { run, unlessInstalled } from './program.ts'

const HOSTS = ['127.0.0.1', '127.0.0.2', '127.0.0.3']

/** The image as skopeo names it at the third node: it can't send `ns`, so the registry comes first in the name. */
function source({ image: { reference }, ports }: Cluster): string {
  return `docker://127.0.0.3:${ports.registry}/${reference.registry}/${reference.repository}:${reference.tag}`
}

describe('skopeo', { skip: unlessInstalled('skopeo') }, () => {
  test('copies an image through a node that lacks it, with the digest of the source', async () => {
    await using cluster = await startCluster({ hosts: HOSTS, holders: ['127.0.0.1'], layerBytes: 5_000_000 })
    await cluster.found('127.0.0.3')
    await using directory = await temporaryDirectory()
    await run('skopeo', ['copy', '--src-tls-verify=false', source(cluster), `dir:${directory.path}`])

    const manifest = await readFile(path.join(directory.path, 'manifest.json'))
    assert.equal(digestOf(manifest), cluster.image.manifest.digest)
    const layer = await readFile(path.join(directory.path, digestHex(cluster.image.layer.digest)))
    assert.equal(digestOf(layer), cluster.image.layer.digest)
  })

  test('inspects an image by digest', async () => {
    await using cluster = await startCluster({ hosts: HOSTS, holders: ['127.0.0.1'], layerBytes: 1000 })
    await cluster.found('127.0.0.3')
    const [name] = source(cluster).split(/:1\.0$/)
    const byDigest = `${name}@${cluster.image.manifest.digest}`
    const raw = await run('skopeo', ['inspect', '--raw', '--tls-verify=false', byDigest])
    assert.equal(digestOf(Buffer.from(raw)), cluster.image.manifest.digest)
  })
})
