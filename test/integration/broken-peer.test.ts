import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { startCluster } from './cluster.ts'
import { RawRequest } from './raw-request.ts'

const LAYER_BYTES = 200_000_000
/** The peer is killed once this much has arrived: the body is then in its middle. */
const KILL_AFTER_BYTES = 20_000_000

describe('a peer that is killed in the middle of a blob', () => {
  test('goes unnoticed where another peer holds the blob: the body is whole and correct', async () => {
    const hosts = ['127.0.0.1', '127.0.0.2', '127.0.0.3']
    await using cluster = await startCluster({ hosts, holders: hosts.slice(0, 2), layerBytes: LAYER_BYTES })
    await cluster.found('127.0.0.3')
    const request = RawRequest.get(cluster.node('127.0.0.3').url, cluster.target('blobs', cluster.image.layer.digest))
    const source = (await request.head).headers.get('x-spegel-source') ?? ''
    await request.pauseAfter(KILL_AFTER_BYTES)
    const serving = cluster.node(source.slice(0, source.lastIndexOf(':')))
    serving.kill('SIGKILL')
    await serving.exit()
    request.resume()
    const result = await request.result
    assert.equal(result.status, 200)
    assert.equal(result.bodyBytes, LAYER_BYTES)
    assert.equal(result.bodyDigest, cluster.image.layer.digest)
    assert.equal(result.ending, 'fin')
  })

  test('ends the body short with FIN where it was the only holder, and the next request is a miss', async () => {
    const hosts = ['127.0.0.1', '127.0.0.2']
    await using cluster = await startCluster({ hosts, holders: ['127.0.0.1'], layerBytes: LAYER_BYTES })
    await cluster.found('127.0.0.2')
    const { url } = cluster.node('127.0.0.2')
    const target = cluster.target('blobs', cluster.image.layer.digest)
    const request = RawRequest.get(url, target)
    await request.pauseAfter(KILL_AFTER_BYTES)
    cluster.node('127.0.0.1').kill('SIGKILL')
    await cluster.node('127.0.0.1').exit()
    request.resume()
    const result = await request.result
    assert.equal(result.status, 200)
    assert.equal(result.headers.get('content-length'), String(LAYER_BYTES))
    assert.ok(result.bodyBytes >= KILL_AFTER_BYTES && result.bodyBytes < LAYER_BYTES, `${result.bodyBytes} bytes`)
    assert.equal(result.ending, 'fin')

    const resumed = await RawRequest.get(url, target, { Range: `bytes=${result.bodyBytes}-` }).result
    assert.equal(resumed.status, 404)
    assert.match(resumed.body, /"BLOB_UNKNOWN"/)
  })
})
