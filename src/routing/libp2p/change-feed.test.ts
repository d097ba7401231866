import assert from 'node:assert/strict'
import { test } from 'node:test'
import { patience } from '../../../test/contracts/store-contract.ts'
import type { MemberChange } from '../router.ts'
import { ChangeFeed } from './change-feed.ts'

function change(type: MemberChange['type'], id: string): MemberChange {
  return { type, peer: { id, registry: { host: '127.0.0.1', port: 5000 } } }
}

test('changes are read in order, those that came before the reader and those that come while it waits', async () => {
  const feed = new ChangeFeed()
  feed.push(change('joined', 'a'))
  feed.push(change('joined', 'b'))
  const reader = feed.read({ signal: patience() })
  assert.deepEqual((await reader.next()).value, change('joined', 'a'))
  assert.deepEqual((await reader.next()).value, change('joined', 'b'))
  const next = reader.next()
  feed.push(change('left', 'a'))
  assert.deepEqual((await next).value, change('left', 'a'))
})

test('a slow reader sees only the latest change of a peer', async () => {
  const feed = new ChangeFeed()
  for (const type of ['joined', 'left', 'joined', 'left'] as const) feed.push(change(type, 'a'))
  feed.push(change('joined', 'b'))
  const reader = feed.read({ signal: patience() })
  assert.deepEqual((await reader.next()).value, change('left', 'a'))
  assert.deepEqual((await reader.next()).value, change('joined', 'b'))
})

test('beyond 16384 unread changes the oldest are dropped', async () => {
  const feed = new ChangeFeed()
  for (let index = 0; index < 16_386; index++) feed.push(change('joined', `peer ${index}`))
  assert.deepEqual((await feed.read({ signal: patience() }).next()).value, change('joined', 'peer 2'))
})

test('reading ends when its signal aborts', async () => {
  const feed = new ChangeFeed()
  const stop = new AbortController()
  const next = feed.read({ signal: stop.signal }).next()
  stop.abort()
  assert.equal((await next).done, true)
})
