import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { patience } from '../../../test/contracts/store-contract.ts'
import { REGISTRY_PORT, startRig } from '../../../test/routing/mesh-rig.ts'
import { ScriptedKadPeer } from '../../../test/routing/scripted-kad-peer.ts'
import { until } from '../../../test/until.ts'
import type { Endpoint } from '../router.ts'
import { PeerUnreachableError } from './errors.ts'
import { kadMessage } from './kad-message.ts'
import { multiaddrOf } from './router-address.ts'

/** Forwards connections to `target`, which sees them come from another address, as behind a translating router. */
async function startGateway({ host, port }: Endpoint) {
  const sockets = new Set<Socket>()
  const server = createServer(inner => {
    const outer = connect({ host, port, localAddress: '127.0.0.5' })
    for (const socket of [inner, outer]) sockets.add(socket.on('error', () => socket.destroy()))
    inner.pipe(outer).pipe(inner)
  }).listen(0, '127.0.0.6')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  return {
    endpoint: { host: '127.0.0.6', port: address.port },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

test('a peer that a message names becomes a member at the address where it answered', async () => {
  await using rig = await startRig()
  const peer = await rig.peer('127.0.0.2')
  const nowhere = multiaddrOf({ host: '127.0.0.9', port: peer.endpoint.port }).bytes
  const own = rig.own.kadPeer.addresses
  const member = await rig.admission.admit({
    id: peer.kadPeer.id,
    addresses: [Uint8Array.of(0xff), ...own, nowhere, ...peer.kadPeer.addresses],
  })
  assert.deepEqual(member?.peer, { id: peer.id, registry: { host: '127.0.0.2', port: REGISTRY_PORT } })
  assert.deepEqual(member.kadPeer, peer.kadPeer)
  assert.equal(rig.members.get(peer.id), member)
})

test('a peer is not believed to be where another answers, nor where nobody does', async () => {
  await using rig = await startRig()
  const [peer, other] = [await rig.peer('127.0.0.2'), await rig.peer('127.0.0.3')]
  assert.equal(await rig.admission.admit({ id: peer.kadPeer.id, addresses: other.kadPeer.addresses }), undefined)
  assert.equal(rig.members.size, 0)
})

test('a peer that could not be reached is not dialled again at once, but after a while', async () => {
  await using rig = await startRig()
  const peer = await rig.peer('127.0.0.2')
  const nowhere = { id: peer.kadPeer.id, addresses: [multiaddrOf({ host: '127.0.0.9', port: 9 }).bytes] }
  assert.equal(await rig.admission.admit(nowhere), undefined)
  assert.equal(await rig.admission.admit(peer.kadPeer), undefined)
  rig.clock.advance(1000)
  assert.equal((await rig.admission.admit(peer.kadPeer))?.peer.id, peer.id)
})

test('bytes that are no peer id, a peer without addresses and this node itself are not admitted', async () => {
  await using rig = await startRig()
  const peer = await rig.peer('127.0.0.2')
  for (const id of [new Uint8Array(), Uint8Array.of(1, 2, 3)]) {
    assert.equal(await rig.admission.admit({ ...peer.kadPeer, id }), undefined)
  }
  assert.equal(await rig.admission.admit({ ...peer.kadPeer, addresses: [] }), undefined)
  assert.equal(await rig.admission.admit(rig.own.kadPeer), undefined)
})

test('concurrent admissions of one peer make one member with one connection', async () => {
  await using rig = await startRig()
  const peer = await rig.peer('127.0.0.2')
  const candidate = { id: undefined, endpoints: [peer.endpoint] }
  const members = await Promise.all([
    rig.admission.admit(peer.kadPeer),
    rig.admission.admit(peer.kadPeer),
    rig.admission.join(candidate),
    rig.admission.join(candidate),
  ])
  assert.equal(new Set(members).size, 1)
  await until(() => rig.node.getConnections().length === 1)
  assert.equal(await rig.admission.join({ id: peer.id, endpoints: [] }), members[0])
})

test('a peer that connects becomes a member where it listens, not where its connection comes from', async () => {
  await using rig = await startRig()
  rig.admission.start()
  const peer = await rig.peer('127.0.0.7')
  const [own] = rig.own.endpoints
  assert.ok(own)
  await using gateway = await startGateway(own)
  await peer.connect(gateway.endpoint)
  await until(() => rig.members.size === 1)
  assert.deepEqual(rig.members.list()[0]?.peer, { id: peer.id, registry: { host: '127.0.0.7', port: REGISTRY_PORT } })
  assert.deepEqual(
    rig.node.getConnections().map(({ direction }) => direction),
    ['inbound', 'outbound'],
  )
})

test('a peer that connects from the address where it listens becomes a member without being dialled', async () => {
  await using rig = await startRig()
  rig.admission.start()
  const [own] = rig.own.endpoints
  assert.ok(own)
  const peer = await rig.peer('127.0.0.1')
  await peer.connect(own)
  await until(() => rig.members.size === 1)
  const member = rig.members.get(peer.id)
  assert.deepEqual(member?.router, peer.endpoint)
  await member.stream.request(kadMessage('PING'), { signal: patience() })
  assert.deepEqual(
    rig.node.getConnections().map(({ direction }) => direction),
    ['inbound'],
  )
})

test('a member that connects from elsewhere, under the same identity, is a member there and no longer where it was', async () => {
  await using rig = await startRig()
  rig.admission.start()
  const [own] = rig.own.endpoints
  assert.ok(own)
  const identity = await generateKeyPair('Ed25519')
  for (const host of ['127.0.0.2', '127.0.0.3']) {
    await using peer = await ScriptedKadPeer.start({ host, identity })
    await peer.connect(own)
    await until(() => rig.members.get(peer.id)?.peer.registry.host === host)
    assert.equal(rig.members.size, 1)
  }
})

test('a peer that is dialled but does not serve kad is no member, and is let go', async () => {
  await using rig = await startRig()
  await using client = await ScriptedKadPeer.start({ host: '127.0.0.7', serves: false })
  await assert.rejects(rig.admission.join({ id: client.id, endpoints: [client.endpoint] }), PeerUnreachableError)
  assert.equal(rig.members.size, 0)
  await until(() => rig.connections.size === 0)
})

test('a peer that connects but does not serve kad is no member', async () => {
  await using rig = await startRig()
  rig.admission.start()
  await using client = await ScriptedKadPeer.start({ host: '127.0.0.7', serves: false })
  const [endpoint] = rig.own.endpoints
  assert.ok(endpoint)
  const identified = Promise.withResolvers<void>()
  rig.node.addEventListener('peer:identify', () => identified.resolve())
  await client.connect(endpoint)
  await identified.promise
  await rig.background[Symbol.asyncDispose]()
  assert.equal(rig.members.size, 0)
})

test('joining tells apart a member, this node, and nobody', async () => {
  await using rig = await startRig()
  assert.equal(await rig.admission.join({ id: rig.own.id, endpoints: [] }), 'self')
  assert.equal(await rig.admission.join({ id: undefined, endpoints: rig.own.endpoints }), 'self')
  await assert.rejects(
    rig.admission.join({ id: undefined, endpoints: [{ host: '127.0.0.9', port: 9 }] }),
    (error: unknown) => error instanceof PeerUnreachableError && error.message.includes('127.0.0.9:9'),
  )
})
