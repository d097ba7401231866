import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { patience } from '../../../test/contracts/store-contract.ts'
import { startRig } from '../../../test/routing/mesh-rig.ts'
import type { Endpoint } from '../router.ts'

/** Accepts connections and says nothing, ever. */
async function startTarPit() {
  const sockets = new Set<Socket>()
  const server = createServer(socket => void sockets.add(socket.on('error', () => {}).resume())).listen(0, '127.0.0.6')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  const endpoint: Endpoint = { host: '127.0.0.6', port: address.port }
  return {
    endpoint,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

test('a dial that a request waits for does not stand in line behind others', async () => {
  await using pit = await startTarPit()
  await using rig = await startRig()
  const peer = await rig.peer('127.0.0.2')
  const candidate = { id: peer.id, endpoints: [peer.endpoint] }
  const stop = new AbortController()
  const over: string[] = []
  const note = (name: string) => () => void over.push(name)
  const stuck = Array.from({ length: 8 }, () =>
    rig.dialer.dial({ id: undefined, endpoints: [pit.endpoint] }, { signal: stop.signal }).catch(note('stuck')),
  )
  const patient = rig.dialer.dial(candidate, { signal: patience() }).then(note('patient'))
  await rig.dialer.dial(candidate, { signal: patience(), urgent: true }).then(note('urgent'))
  assert.deepEqual(over, ['urgent'])
  stop.abort()
  await Promise.all([...stuck, patient])
  assert.equal(over.at(-1), 'patient')
})

test('an address that is this node’s own is passed over where another peer is meant, and is this node where any is', async () => {
  await using rig = await startRig()
  const peer = await rig.peer('127.0.0.2')
  const dialled = await rig.dialer.dial(
    { id: peer.id, endpoints: [...rig.own.endpoints, peer.endpoint] },
    { signal: patience() },
  )
  assert.deepEqual(dialled.kind === 'peer' && dialled.endpoint, peer.endpoint)
  const self = await rig.dialer.dial({ id: undefined, endpoints: rig.own.endpoints }, { signal: patience() })
  assert.deepEqual(self, { kind: 'self' })
})

test('four addresses of a peer are tried, no more', async () => {
  await using rig = await startRig()
  const peer = await rig.peer('127.0.0.2')
  const nowhere = Array.from({ length: 4 }, (_, index) => ({ host: `127.0.0.${index + 20}`, port: 9 }))
  const { signal } = new AbortController()
  await assert.rejects(rig.dialer.dial({ id: peer.id, endpoints: [...nowhere, peer.endpoint] }, { signal }), {
    code: 'PEER_UNREACHABLE',
  })
  const fewer = [...nowhere.slice(1), peer.endpoint]
  assert.equal((await rig.dialer.dial({ id: peer.id, endpoints: fewer }, { signal })).kind, 'peer')
})
