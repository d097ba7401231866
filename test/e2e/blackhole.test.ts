import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InteropMesh, type Participant } from '../interop/mesh.ts'
import { unlessNamespaces } from '../interop/network.ts'
import { until } from '../until.ts'
import { run, unlessInstalled } from './program.ts'

const KEYS = Array.from({ length: 50 }, (_, index) => `sha256:${index.toString(16).padStart(64, '0')}`)
const skip = unlessNamespaces()

/** Our nodes that all know each other, started one after the other. */
async function ourMesh(mesh: InteropMesh, count: number): Promise<readonly Participant[]> {
  const nodes: Participant[] = []
  while (nodes.length < count) nodes.push(await mesh.ours(nodes.slice(0, 1)))
  await until(async () => {
    const known = await Promise.all(nodes.map(({ node }) => node.members()))
    return known.every(members => members.length === count - 1)
  })
  return nodes
}

/** Ids of the peers that `participant` finds to hold each of {@link KEYS}. */
async function holders({ node }: Participant): Promise<readonly (readonly string[])[]> {
  return (await node.find(KEYS)).map(found => found.map(({ peer }) => peer).toSorted())
}

test('a node that joins another makes one connection with it, and so one handshake: it is not dialled back', {
  skip: skip === false ? unlessInstalled('ss') : skip,
}, async () => {
  await using mesh = await InteropMesh.create(2)
  for (const { host } of await ourMesh(mesh, 2)) {
    const [program = '', ...args] = host.within(['ss', '-Htn', 'state', 'established'])
    const connections = (await run(program, args)).trim().split('\n')
    assert.equal(connections.length, 1, connections.join('\n'))
  }
})

test('a node whose packets are dropped keeps nobody from finding what others hold, and is soon found no more', {
  skip,
}, async () => {
  await using mesh = await InteropMesh.create(4)
  const [asker, holder, other, lost] = await ourMesh(mesh, 4)
  assert.ok(asker && holder && other && lost)
  for (const { node } of [holder, lost]) await node.provide(KEYS)
  assert.deepEqual(
    await holders(asker),
    KEYS.map(() => [holder.identity.peer, lost.identity.peer].toSorted()),
  )
  await lost.host.blackhole()
  for (const node of [asker, other]) {
    for (const found of await holders(node)) assert.ok(found.includes(holder.identity.peer))
  }
  const withoutLost = KEYS.map(() => [holder.identity.peer])
  await until(async () => {
    const found = await Promise.all([asker, other].map(holders))
    return found.every(each => JSON.stringify(each) === JSON.stringify(withoutLost))
  })
  await until(async () => (await asker.node.members()).length === 2)
})
