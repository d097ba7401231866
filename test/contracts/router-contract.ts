import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Members, Peer, Router } from '../../src/routing/router.ts'
import { until } from '../until.ts'
import { patience } from './store-contract.ts'

/** A node of a mesh under test. */
export interface MeshNode {
  /** As others are to know it. */
  readonly self: Peer
  readonly router: Router & Members
  /** Ends the node. */
  leave(): Promise<void>
}

/** A mesh under test; disposing of it ends all its nodes. */
export interface MeshFixture extends AsyncDisposable {
  /** Starts a node that joins those started before. */
  join(): Promise<MeshNode>
}

const DIGEST = `sha256:${'ab'.repeat(32)}`
/** Within this time of its withdrawal no node yields a key. */
const WITHDRAWN_MS = 1000
const TAG = 'registry.example:5000/team/app:v1'

/** Nodes that all know each other. */
async function joinAll(fixture: MeshFixture, count: number): Promise<readonly MeshNode[]> {
  const nodes: MeshNode[] = []
  while (nodes.length < count) nodes.push(await fixture.join())
  await until(() => nodes.every(({ router }) => router.list().length === count - 1))
  return nodes
}

async function lookup({ router }: MeshNode, key: string): Promise<readonly Peer[]> {
  const peers = await Array.fromAsync(router.lookup(key, { signal: patience() }))
  return peers.toSorted((a, b) => (a.id < b.id ? -1 : 1))
}

function selves(nodes: readonly MeshNode[]): readonly Peer[] {
  return nodes.map(node => node.self).toSorted((a, b) => (a.id < b.id ? -1 : 1))
}

/** What every {@link Router} that is {@link Members} too does. */
export function routerContract(name: string, setup: () => Promise<MeshFixture>): void {
  for (const key of [DIGEST, TAG]) {
    test(`${name}: ${key.slice(0, 12)}… advertised by one node is found from every other, never from itself`, async () => {
      await using fixture = await setup()
      const [holder, ...others] = await joinAll(fixture, 3)
      assert.ok(holder)
      await holder.router.advertise([key], { signal: patience() })
      for (const node of others) assert.deepEqual(await lookup(node, key), [holder.self])
      assert.deepEqual(await lookup(holder, key), [])
    })
  }

  test(`${name}: a lookup yields every holder but oneself once, also if it advertised twice`, async () => {
    await using fixture = await setup()
    const [first, ...others] = await joinAll(fixture, 3)
    assert.ok(first)
    for (const { router } of [first, ...others, ...others])
      await router.advertise([DIGEST, TAG], { signal: patience() })
    assert.deepEqual(await lookup(first, DIGEST), selves(others))
  })

  test(`${name}: a key that nobody advertises is looked up to an end without a peer`, async () => {
    await using fixture = await setup()
    const [node, other] = await joinAll(fixture, 2)
    assert.ok(node && other)
    await other.router.advertise([TAG], { signal: patience() })
    assert.deepEqual(await lookup(node, DIGEST), [])
  })

  test(`${name}: what was advertised before others joined is found by them`, async () => {
    await using fixture = await setup()
    const holder = await fixture.join()
    await holder.router.advertise([DIGEST], { signal: patience() })
    const others = [await fixture.join(), await fixture.join()]
    for (const node of others) {
      await until(async () => (await lookup(node, DIGEST)).length > 0)
      assert.deepEqual(await lookup(node, DIGEST), [holder.self])
    }
  })

  test(`${name}: what was withdrawn before others joined is not found by them, what was kept is`, async () => {
    await using fixture = await setup()
    const holder = await fixture.join()
    await holder.router.advertise([DIGEST, TAG], { signal: patience() })
    await holder.router.withdraw([DIGEST], { signal: patience() })
    const node = await fixture.join()
    await until(async () => (await lookup(node, TAG)).length > 0)
    assert.deepEqual(await lookup(node, DIGEST), [])
  })

  test(`${name}: what was withdrawn is gone from every other node, though it has looked it up just before`, async () => {
    await using fixture = await setup()
    const [holder, ...others] = await joinAll(fixture, 4)
    assert.ok(holder)
    await holder.router.advertise([DIGEST, TAG], { signal: patience() })
    for (const node of others) assert.deepEqual(await lookup(node, DIGEST), [holder.self])
    const withdrawnAt = performance.now()
    await holder.router.withdraw([DIGEST], { signal: patience() })
    for (const node of others) await until(async () => (await lookup(node, DIGEST)).length === 0)
    // Answers that are merely left to expire live longer.
    assert.ok(performance.now() - withdrawnAt < WITHDRAWN_MS)
    for (const node of others) assert.deepEqual(await lookup(node, TAG), [holder.self])
  })

  test(`${name}: a key is found again after it was withdrawn and advertised anew`, async () => {
    await using fixture = await setup()
    const [holder, node] = await joinAll(fixture, 2)
    assert.ok(holder && node)
    await holder.router.advertise([DIGEST], { signal: patience() })
    await holder.router.withdraw([DIGEST, TAG], { signal: patience() })
    await holder.router.advertise([DIGEST], { signal: patience() })
    assert.deepEqual(await lookup(node, DIGEST), [holder.self])
  })

  test(`${name}: a node that has left is no member and no longer found`, async () => {
    await using fixture = await setup()
    const [gone, holder, node] = await joinAll(fixture, 3)
    assert.ok(gone && holder && node)
    for (const { router } of [gone, holder]) await router.advertise([DIGEST], { signal: patience() })
    await gone.leave()
    await until(() => node.router.list().length === 1)
    assert.deepEqual(node.router.list(), [holder.self])
    assert.deepEqual(await lookup(node, DIGEST), [holder.self])
  })

  test(`${name}: a lookup whose signal is aborted ends without an error`, async () => {
    await using fixture = await setup()
    const [holder, node] = await joinAll(fixture, 2)
    assert.ok(holder && node)
    await holder.router.advertise([DIGEST], { signal: patience() })
    assert.deepEqual(await Array.fromAsync(node.router.lookup(DIGEST, { signal: AbortSignal.abort() })), [])
  })

  test(`${name}: members are all other nodes, ordered alike by every node for a key`, async () => {
    await using fixture = await setup()
    const nodes = await joinAll(fixture, 4)
    for (const node of nodes) {
      const members = node.router.list().toSorted((a, b) => (a.id < b.id ? -1 : 1))
      assert.deepEqual(members, selves(nodes.filter(other => other !== node)))
    }
    const orders = nodes.map(({ router }) => router.closest(DIGEST, nodes.length).map(peer => peer.id))
    for (const [index, order] of orders.entries()) {
      assert.equal(order.length, nodes.length - 1)
      assert.deepEqual(
        nodes[index]?.router.closest(DIGEST, 1).map(peer => peer.id),
        order.slice(0, 1),
      )
      for (const other of orders) {
        const common = order.filter(id => other.includes(id))
        assert.deepEqual(
          common,
          other.filter(id => order.includes(id)),
        )
      }
    }
  })

  test(`${name}: nodes agree on which of them is closest to a key, oneself included, and find each other by id`, async () => {
    await using fixture = await setup()
    const nodes = await joinAll(fixture, 4)
    const ordered = nodes.map(({ self, router }) => {
      assert.equal(router.peerId, self.id)
      const nearer = router.closest(DIGEST, nodes.length, { nearerThanSelf: true }).map(peer => peer.id)
      const all = router.closest(DIGEST, nodes.length).map(peer => peer.id)
      assert.deepEqual(all.slice(0, nearer.length), nearer)
      return [...nearer, self.id, ...all.slice(nearer.length)]
    })
    for (const order of ordered) assert.deepEqual(order, ordered[0])
    for (const { router } of nodes) {
      for (const { self } of nodes) assert.deepEqual(router.find(self.id), self.id === router.peerId ? undefined : self)
    }
  })

  test(`${name}: a node is told of members that come and go from the moment it asks`, async () => {
    await using fixture = await setup()
    const [node] = await joinAll(fixture, 2)
    assert.ok(node)
    const stop = new AbortController()
    const changes = node.router.changes({ signal: stop.signal })[Symbol.asyncIterator]()
    const late = await fixture.join()
    assert.deepEqual((await changes.next()).value, { type: 'joined', peer: late.self })
    await late.leave()
    assert.deepEqual((await changes.next()).value, { type: 'left', peer: late.self })
    stop.abort()
    assert.equal((await changes.next()).done, true)
  })

  test(`${name}: a node that others have joined is ready`, async () => {
    await using fixture = await setup()
    for (const { router } of await joinAll(fixture, 2)) assert.equal(router.ready(), true)
  })
}
