import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Digest, digestOf } from '../../oci/digest.ts'
import { MAX_PENDING_CONTENT, MAX_RECHECKS, PendingChanges } from './pending-changes.ts'

const digest = digestOf(Buffer.from('content'))
const nothing = { everything: false, images: [], content: [], isEmpty: true }
const soon = { signal: AbortSignal.timeout(10_000), timeoutMs: 5000 }

function digests(count: number): readonly Digest[] {
  return Array.from({ length: count }, (_, number) => digestOf(Buffer.from(`${number}`)))
}

test('what was added is taken once, each thing once', async () => {
  const pending = new PendingChanges()
  pending.addImage('one')
  pending.addImage('one')
  pending.addContent(digest)
  pending.addContent(digest)
  await pending.wait(soon)
  const content = [{ digest, rechecks: 0 }]
  assert.deepEqual(pending.take(), { everything: false, images: ['one'], content, isEmpty: false })
  assert.deepEqual(pending.take(), nothing)
})

test('a wait for nothing ends in time, and at once when woken', async () => {
  const pending = new PendingChanges()
  await pending.wait({ ...soon, timeoutMs: 1 })
  pending.wake()
  await pending.wait({ ...soon, timeoutMs: 3_600_000 })
  assert.deepEqual(pending.take(), nothing)
})

test('what is due later is not taken before, and waited for', async () => {
  const pending = new PendingChanges()
  pending.addEverything(20)
  assert.deepEqual(pending.take(), nothing)
  await pending.wait({ ...soon, timeoutMs: 3_600_000 })
  assert.equal(pending.take().everything, true)
})

test('too much content at once becomes a look at everything, and another one later', async () => {
  const pending = new PendingChanges()
  for (const each of digests(MAX_PENDING_CONTENT + 1)) pending.addContent(each)
  const all = { everything: true, images: [], content: [], isEmpty: false }
  assert.deepEqual(pending.take(), all)
  assert.deepEqual(pending.take(), nothing)
  await pending.wait(soon)
  assert.deepEqual(pending.take(), all)
  await pending.wait({ ...soon, timeoutMs: 1 })
  assert.deepEqual(pending.take(), nothing)
})

test('too many images at once become a look at everything', () => {
  const pending = new PendingChanges()
  for (const each of digests(1000)) pending.addImage(each)
  assert.equal(pending.take().everything, true)
})

test('content is looked at again a limited number of times, each after a wait', async () => {
  const pending = new PendingChanges()
  pending.addContent(digest)
  let [content] = pending.take().content
  for (let rechecks = 1; rechecks <= 3; rechecks++) {
    assert.ok(content !== undefined)
    pending.addRecheck(content)
    assert.deepEqual(pending.take(), nothing)
    await pending.wait(soon)
    content = pending.take().content[0]
    assert.deepEqual(content, { digest, rechecks })
  }
})

test('content that was looked at often enough is not kept', () => {
  const pending = new PendingChanges()
  for (const each of digests(MAX_PENDING_CONTENT)) pending.addRecheck({ digest: each, rechecks: MAX_RECHECKS })
  pending.addContent(digest)
  assert.deepEqual(pending.take().content, [{ digest, rechecks: 0 }])
})

test('content that changes while it waits to be looked at again is looked at at once', () => {
  const pending = new PendingChanges()
  pending.addRecheck({ digest, rechecks: 4 })
  assert.deepEqual(pending.take(), nothing)
  pending.addContent(digest)
  assert.deepEqual(pending.take().content, [{ digest, rechecks: 0 }])
})

test('more to be looked at again than is kept becomes a look at everything', async () => {
  const pending = new PendingChanges()
  for (const each of digests(MAX_PENDING_CONTENT + 1)) pending.addRecheck({ digest: each, rechecks: 4 })
  await pending.wait(soon)
  assert.equal(pending.take().everything, true)
})

test('a failure ends every wait', async () => {
  const pending = new PendingChanges()
  const failure = new Error('the stream broke')
  const waiting = pending.wait(soon)
  pending.fail(failure)
  await assert.rejects(waiting, failure)
  pending.addImage('one')
  await assert.rejects(pending.wait(soon), failure)
})
