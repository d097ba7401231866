import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Libp2p, PrivateKey } from '@libp2p/interface'
import { MemoryLog } from '../../../test/fakes/memory-log.ts'
import { until } from '../../../test/until.ts'
import { createNode, startNode } from './node.ts'
import { twinLogger } from './twins.ts'

async function start(host: string, identity: PrivateKey) {
  const listen = { host, port: 0 }
  const twins: string[] = []
  const node: Libp2p = await createNode({ listen, identity, onTwin: twin => twins.push(twin) })
  await startNode(node, listen)
  const [address] = node.getMultiaddrs()
  assert.ok(address !== undefined)
  return { node, twins, address, [Symbol.asyncDispose]: async () => await node.stop() }
}

test('a node that dials another with its own identity is told of it, and so is the other', async () => {
  const identity = await generateKeyPair('Ed25519')
  await using one = await start('127.0.0.1', identity)
  await using other = await start('127.0.0.2', identity)
  await assert.rejects(one.node.dial(other.address), { message: 'another node has the identity of this one' })
  await until(() => other.twins.length === 1)
  assert.deepEqual(one.twins, ['127.0.0.2'])
  assert.deepEqual(other.twins, ['127.0.0.1'])
  await assert.rejects(other.node.dial(one.address), { message: 'another node has the identity of this one' })
  assert.deepEqual(other.twins, ['127.0.0.1', '127.0.0.1'])
})

test('twins that dial each other at the same time are both told', async () => {
  const identity = await generateKeyPair('Ed25519')
  await using one = await start('127.0.0.1', identity)
  await using other = await start('127.0.0.2', identity)
  await Promise.allSettled([one.node.dial(other.address), other.node.dial(one.address)])
  await until(() => one.twins.length === 2 && other.twins.length === 2)
})

test('a node that dials itself has no twin', async () => {
  const identity = await generateKeyPair('Ed25519')
  await using node = await start('127.0.0.1', identity)
  await assert.rejects(node.node.dial(node.address), { name: 'InvalidPeerIdError' })
  assert.deepEqual(node.twins, [])
})

test('nodes of different identities have no twin', async () => {
  await using one = await start('127.0.0.1', await generateKeyPair('Ed25519'))
  await using other = await start('127.0.0.2', await generateKeyPair('Ed25519'))
  await one.node.dial(other.address)
  assert.deepEqual([...one.twins, ...other.twins], [])
})

test('a twin is logged once for each address, and for a bounded number of them', () => {
  const log = new MemoryLog()
  const onTwin = twinLogger(log)
  for (let round = 0; round < 3; round++) {
    for (let index = 0; index < 100; index++) onTwin(`10.0.0.${index}`)
  }
  assert.equal(log.lines.length, 64)
  assert.equal(log.lines[0]?.level, 'error')
  assert.deepEqual(log.lines[0]?.fields, { host: '10.0.0.0' })
})
