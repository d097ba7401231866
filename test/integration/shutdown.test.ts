import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, test } from 'node:test'
import { type Cluster, startCluster } from './cluster.ts'
import { RawRequest } from './raw-request.ts'

const HOST = '127.0.0.1'
/** More than the socket buffers of both sides hold, so that a client that stops reading holds the transfer up. */
const LAYER_BYTES = 50_000_000

async function cluster(): Promise<Cluster> {
  return await startCluster({ hosts: [HOST], holders: [HOST], layerBytes: LAYER_BYTES })
}

/** Waits until connections to `url` are refused. */
async function refused(url: string): Promise<void> {
  const { hostname, port } = new URL(url)
  for (;;) {
    const socket = connect({ host: hostname, port: Number(port) })
    try {
      await once(socket, 'connect')
    } catch {
      return
    } finally {
      socket.destroy()
    }
  }
}

describe('SIGTERM', () => {
  test('lets a transfer finish, refuses new connections meanwhile, and ends with status 0', async () => {
    await using nodes = await cluster()
    const node = nodes.node(HOST)
    const request = RawRequest.get(node.url, nodes.target('blobs', nodes.image.layer.digest))
    await request.pauseAfter(1)
    node.kill('SIGTERM')
    await refused(node.url)
    assert.ok(node.running)
    request.resume()
    const result = await request.result
    assert.equal(result.bodyDigest, nodes.image.layer.digest)
    assert.equal(result.ending, 'fin')
    assert.equal(await node.exit(), 0)
  })

  test('ends a transfer that does not finish with FIN, and ends with status 0', async () => {
    await using nodes = await cluster()
    const node = nodes.node(HOST)
    const request = RawRequest.get(node.url, nodes.target('blobs', nodes.image.layer.digest))
    await request.pauseAfter(1)
    node.kill('SIGTERM')
    assert.equal(await node.exit(), 0)
    request.resume()
    const result = await request.result
    assert.ok(result.bodyBytes < LAYER_BYTES)
    assert.equal(result.ending, 'fin')
  })

  test('ends an idle node with status 0', async () => {
    await using nodes = await cluster()
    const node = nodes.node(HOST)
    node.kill('SIGTERM')
    assert.equal(await node.exit(), 0)
  })
})
