import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  askFor,
  type CreatePeerClient,
  clientsOf,
  hello,
  options,
  readAll,
  startPeer,
} from '../../test/http/raw-peer.ts'
import { BufferPool } from './buffer-pool.ts'
import { createPeerClient } from './create-peer-client.ts'

const create: CreatePeerClient = ({ log }, settings) => createPeerClient({ log, buffers: new BufferPool() }, settings)

describe('the peer client of a node', () => {
  it('describes and fetches content', async t => {
    const peer = await startPeer(t, (socket, { count }) => {
      socket.write(count === 1 ? hello.slice(0, -'hello'.length) : hello)
    })
    const client = clientsOf(create)(t)
    const described = await client.request(askFor(peer.endpoint, 'HEAD'), options)
    assert.equal(described.headers['content-length'], '5')
    assert.equal(await described.body.read(), undefined)
    const { body } = await client.request(askFor(peer.endpoint), options)
    assert.equal((await readAll(body)).toString(), 'hello')
  })
})
