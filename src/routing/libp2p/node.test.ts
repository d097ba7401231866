import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { tls } from '@libp2p/tls'
import { yamux } from '@libp2p/yamux'
import type { Libp2pOptions } from 'libp2p'
import { createLibp2p } from 'libp2p'
import { ScriptedKadPeer } from '../../../test/routing/scripted-kad-peer.ts'
import { until } from '../../../test/until.ts'
import { multiaddrOf } from './router-address.ts'

/** A libp2p node as others assemble it, which speaks `connectionEncrypters` in that order of preference. */
async function stockNode(connectionEncrypters: NonNullable<Libp2pOptions['connectionEncrypters']>) {
  const node = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.8/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters,
    streamMuxers: [yamux()],
  })
  return Object.assign(node, { [Symbol.asyncDispose]: async () => node.stop() })
}

for (const { name, offered, spoken } of [
  { name: 'TLS with a peer that has nothing else', offered: [tls()], spoken: '/tls/1.0.0' },
  { name: 'Noise with a peer that has nothing else', offered: [noise()], spoken: '/noise' },
]) {
  test(`a node speaks ${name}, whoever dials`, async () => {
    await using ours = await ScriptedKadPeer.start({ host: '127.0.0.1' })
    await using stock = await stockNode(offered)
    const inbound = await stock.dial(multiaddrOf(ours.endpoint))
    assert.equal(inbound.encryption, spoken)
    assert.equal(inbound.multiplexer, '/yamux/1.0.0')
    const [address] = stock.getMultiaddrs()
    assert.ok(address)
    const outbound = await ours.node.dial(address, { force: true })
    assert.equal(outbound.encryption, spoken)
    await until(() => stock.getConnections().length === 2)
  })
}

test('a node that dials prefers Noise where both sides offer TLS too', async () => {
  await using ours = await ScriptedKadPeer.start({ host: '127.0.0.1' })
  await using stock = await stockNode([tls(), noise()])
  const [address] = stock.getMultiaddrs()
  assert.ok(address)
  assert.equal((await ours.node.dial(address)).encryption, '/noise')
})
