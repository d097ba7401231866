import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { peerBodyContract } from '../../test/contracts/peer-body-contract.ts'
import { peerClientContract } from '../../test/contracts/peer-client-contract.ts'
import { peerConnectionsContract } from '../../test/contracts/peer-connections-contract.ts'
import { askFor, clientsOf, hello, options, say, startPeer } from '../../test/http/raw-peer.ts'
import { createNodePeerClient } from './node-peer-client.ts'

peerClientContract("node:http's peer client", createNodePeerClient)
peerBodyContract("node:http's peer client", createNodePeerClient)
peerConnectionsContract("node:http's peer client", createNodePeerClient)

describe("node:http's peer client", () => {
  const clientOf = clientsOf(createNodePeerClient)

  it('gives an empty body for HEAD', async t => {
    const peer = await startPeer(t, say('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'))
    const { headers, body } = await clientOf(t).request(askFor(peer.endpoint, 'HEAD'), options)
    assert.equal(headers['content-length'], '5')
    assert.equal(await body.read(), undefined)
  })

  it('passes over informational answers', async t => {
    const peer = await startPeer(t, say(`HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n${hello}`))
    const { status } = await clientOf(t).request(askFor(peer.endpoint), options)
    assert.equal(status, 200)
  })
})
