import assert from 'node:assert/strict'
import { test } from 'node:test'
import { patience } from '../../../test/contracts/store-contract.ts'
import { type MeshRig, startRig } from '../../../test/routing/mesh-rig.ts'
import { emptyNode, type ScriptedKadPeer } from '../../../test/routing/scripted-kad-peer.ts'
import { until } from '../../../test/until.ts'
import { KadStreamBusyError, KadStreamError } from './errors.ts'
import { kadMessage } from './kad-message.ts'
import type { KadStream } from './kad-stream.ts'
import { KAD_PROTOCOL } from './node.ts'

async function connect(rig: MeshRig): Promise<{ readonly peer: ScriptedKadPeer; readonly stream: KadStream }> {
  const peer = await rig.peer('127.0.0.2')
  const { stream } = await rig.join(peer)
  return { peer, stream }
}

function streamsTo(peer: ScriptedKadPeer): number {
  return peer.node
    .getConnections()
    .flatMap(({ streams }) => streams.filter(({ protocol }) => protocol === KAD_PROTOCOL)).length
}

const find = (value: number) => kadMessage('FIND_NODE', { key: Uint8Array.of(value) })

test('requests are pipelined on one stream, and each gets its own answer', async () => {
  await using rig = await startRig()
  const { peer, stream } = await connect(rig)
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, index) => stream.request(find(index), { signal: patience() })),
  )
  assert.deepEqual(
    answers,
    Array.from({ length: 100 }, (_, index) => find(index)),
  )
  assert.equal(streamsTo(peer), 1)
})

test('a request that is given up does not disturb the answers to the others', async () => {
  await using rig = await startRig()
  const { peer, stream } = await connect(rig)
  await stream.request(find(0), { signal: patience() })
  const held: (() => void)[] = []
  peer.script = (message, kad) => {
    held.push(() => void kad.send(Uint8Array.of(5, 0x08, 4, 0x12, 1, message.key[0] ?? 0)))
    return undefined
  }
  const giveUp = new AbortController()
  const [first, second] = [
    stream.request(find(1), { signal: giveUp.signal }),
    stream.request(find(2), { signal: patience() }),
  ]
  await until(() => held.length === 2)
  giveUp.abort()
  await assert.rejects(first, { name: 'AbortError' })
  for (const answer of held) answer()
  assert.deepEqual(await second, find(2))
})

test('a stream that the peer has dropped is opened anew', async () => {
  await using rig = await startRig()
  const { peer, stream } = await connect(rig)
  for (const drop of ['abort', 'close'] as const) {
    await stream.request(find(1), { signal: patience() })
    for (const connection of peer.node.getConnections()) {
      for (const kad of connection.streams.filter(({ protocol }) => protocol === KAD_PROTOCOL)) {
        if (drop === 'abort') kad.abort(new Error('idle'))
        else await kad.close()
      }
    }
    assert.deepEqual(await stream.request(find(2), { signal: patience() }), find(2))
  }
})

test('a request is repeated once where the stream breaks off under it, and what was to be delivered with it', async () => {
  await using rig = await startRig()
  const { peer, stream } = await connect(rig)
  await stream.request(find(1), { signal: patience() })
  peer.received.length = 0
  peer.script = (message, kad) => {
    peer.script = emptyNode
    kad.abort(new Error('one bad record'))
    return emptyNode(message, kad)
  }
  const records = [1, 2, 3].map(value => kadMessage('ADD_PROVIDER', { key: Uint8Array.of(value) }))
  await stream.deliver(records, { signal: patience() })
  assert.deepEqual(peer.received.slice(-4), [...records, kadMessage('PING')])
})

test('a peer that drops every stream is an error', async () => {
  await using rig = await startRig()
  const { peer, stream } = await connect(rig)
  peer.script = (_message, kad) => {
    kad.abort(new Error('go away'))
    return undefined
  }
  await assert.rejects(stream.request(find(1), { signal: patience() }), KadStreamError)
})

const UNUSABLE = [
  { name: 'an answer that is no message', bytes: Uint8Array.of(1, 0xff) },
  { name: 'an answer to something else', bytes: Uint8Array.of(2, 0x08, 5) },
  { name: 'an answer of more than a mebibyte', bytes: Uint8Array.of(0xff, 0xff, 0x7f) },
]
for (const { name, bytes } of UNUSABLE) {
  test(`${name} ends the stream`, async () => {
    await using rig = await startRig()
    const { peer, stream } = await connect(rig)
    peer.script = (_message, kad) => {
      kad.send(bytes)
      return undefined
    }
    await assert.rejects(stream.request(find(1), { signal: patience() }), KadStreamError)
    await until(() => streamsTo(peer) === 0)
  })
}

test('requests beyond 256 without an answer are refused, and a peer that answers none is given up', async () => {
  await using rig = await startRig()
  const { peer, stream } = await connect(rig)
  await stream.request(find(0), { signal: patience() })
  peer.script = () => undefined
  const requests = Array.from({ length: 257 }, () => stream.request(find(1), { signal: patience() }))
  const results = await Promise.allSettled(requests)
  const errors = results.map(result => (result.status === 'rejected' ? result.reason : undefined))
  assert.equal(errors.filter(error => error instanceof KadStreamError).length, 256)
  assert.ok(errors.at(-1) instanceof KadStreamBusyError)
})

test('closing fails the requests under way', async () => {
  await using rig = await startRig()
  const { peer, stream } = await connect(rig)
  peer.script = () => undefined
  const request = stream.request(find(1), { signal: patience() })
  await until(() => peer.received.length === 1)
  stream.close()
  await assert.rejects(request, KadStreamError)
})
