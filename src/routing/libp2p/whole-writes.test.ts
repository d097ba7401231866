import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { ScriptedKadPeer } from '../../../test/routing/scripted-kad-peer.ts'
import { multiaddrOf } from './router-address.ts'

/** Bytes of the length that Noise puts in front of each message. */
const LENGTH_BYTES = 2

test('nothing is written as the mere length of what follows', async () => {
  await using from = await ScriptedKadPeer.start({ host: '127.0.0.1' })
  await using to = await ScriptedKadPeer.start({ host: '127.0.0.2' })
  const sockets: Socket[] = []
  const sizes: number[] = []
  const relay = createServer(inner => {
    const outer = connect({ ...to.endpoint })
    for (const socket of [inner, outer]) sockets.push(socket.on('error', () => socket.destroy()))
    inner.on('data', ({ length }) => sizes.push(length)).pipe(outer)
    outer.on('data', ({ length }) => sizes.push(length)).pipe(inner)
  }).listen(0, '127.0.0.3')
  await once(relay, 'listening')
  const address = relay.address()
  assert.ok(address !== null && typeof address === 'object')
  const connection = await from.node.dial(multiaddrOf({ host: '127.0.0.3', port: address.port }, to.id))
  const stream = await connection.newStream('/ipfs/ping/1.0.0')
  stream.send(new Uint8Array(32))
  await once(stream, 'message')
  assert.ok(sizes.length > 0)
  assert.deepEqual(
    sizes.filter(size => size === LENGTH_BYTES),
    [],
  )
  for (const socket of sockets) socket.destroy()
  relay.close()
  await once(relay, 'close')
})
